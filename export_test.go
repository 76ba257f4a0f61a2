package wsgate

// Receive handles a message as if it had just arrived. It may be called while c's own goroutine waits for the network.
func Receive(c AnyConn, m Message) { c.base().receive(m) }
