package main

// NewApp is what main serves.
var NewApp = newApp
