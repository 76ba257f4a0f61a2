// Package stack grows stacks of goroutines before their calls are deep.
//
// A goroutine begins with 2 KiB. When they are used up, the runtime copies the stack to one of twice the size and adjusts
// every frame on it. In the middle of deep calls that took more than a quarter of a WebSocket's handshake; at the
// beginning, with a frame or two, it takes next to nothing. A call needs the room of its whole frame, so one call of a
// function with a large frame is enough.
package stack

// Grow4K makes sure of 2 KiB more, which gives a new goroutine a stack of 4 KiB.
//
//go:noinline
func Grow4K() { var room [2 << 10]byte; use(room[:]) }

// Grow8K makes sure of 5 KiB more, which gives a new goroutine a stack of 8 KiB.
//
//go:noinline
func Grow8K() { var room [5 << 10]byte; use(room[:]) }

// use keeps the compiler from leaving out the frame.
//
//go:noinline
func use([]byte) {}
