// Package abuse has tests only. A raw TCP client does to a served App what clients and networks should not do, while
// healthy neighbours go on with their round trips; each test asserts the reaction of the server, the cause that OnClose
// hears, and that memory and goroutines come back. Where several nodes are needed they are Apps of the same process on
// one engine; where much time has to pass it is fake. rows_test.go lists every case, and TestRow runs them: go test -run TestRow/29 ./internal/test/abuse
package abuse
