package envelope

// Scan is scan for tests.
var Scan = scan
