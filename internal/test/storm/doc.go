// Package storm redeploys one of two nodes behind a proxy under thousands of clients, with and without a pace, and
// measures what that does to the clients and to the other node. The nodes and the proxy are processes of their own.
package storm
