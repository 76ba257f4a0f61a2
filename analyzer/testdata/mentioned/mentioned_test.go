package mentioned

// A test that calls a method does not make it a hook, but it would not build if the method were renamed.
var _ = new(Chat).events()
