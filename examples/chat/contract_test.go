package main_test

import (
	"flag"
	"testing"

	chat "github.com/wsgate/wsgate/examples/chat"
)

var update = flag.Bool("update", false, "write the contract in the folder api, and the page's copy of the client package")

// The folder api has the chat's contract: for readers, and for the types of clients in TypeScript and JavaScript.
func TestContract(t *testing.T) {
	chat.About.Check(t, newChat(t).App, "api/asyncapi.json", "api/chat.ts")
}
