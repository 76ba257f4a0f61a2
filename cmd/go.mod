module github.com/wsgate/wsgate/cmd

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	github.com/wsgate/wsgate v0.1.0
	github.com/wsgate/wsgate/contract v0.1.0
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/swaggest/jsonschema-go v0.3.74 // indirect
	github.com/swaggest/refl v1.3.0 // indirect
	go.uber.org/dig v1.19.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
