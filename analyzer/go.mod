module github.com/wsgate/wsgate/analyzer

go 1.26.0

require (
	github.com/wsgate/wsgate v0.1.0
	golang.org/x/sync v0.22.0
	golang.org/x/tools v0.49.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	go.uber.org/dig v1.19.0 // indirect
	golang.org/x/mod v0.39.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
