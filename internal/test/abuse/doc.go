// Package abuse has tests only. A raw TCP client does to a served App what clients and networks should not do, while
// healthy clients continue their round trips. Each test asserts the reaction of the server, the cause that OnClose
// gets, and that memory and goroutines are released. Where several nodes are needed, they are Apps of the same process
// on one message broker. Where much time must pass, it is fake. rows_test.go lists every case, and TestRow runs them:
//
//	go test -run TestRow/29 ./internal/test/abuse
package abuse
