// Command wsgatevet looks for mistakes in the use of package wsgate:
//
//	go vet -vettool=$(go tool -n wsgatevet) ./...
//	go tool wsgatevet [-fix] [-test=false] ./...
//
// See [github.com/wsgate/wsgate/analyzer] for what it finds, and go tool wsgatevet help for its flags.
package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/wsgate/wsgate/analyzer"
)

// multichecker also speaks the protocol of go vet -vettool.
func main() { multichecker.Main(analyzer.All()...) }
