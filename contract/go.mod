module github.com/wsgate/wsgate/contract

go 1.26.0

require (
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/swaggest/jsonschema-go v0.3.74
	github.com/wsgate/wsgate v0.1.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/swaggest/refl v1.3.0 // indirect
	go.uber.org/dig v1.19.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.14.0 // indirect
)
