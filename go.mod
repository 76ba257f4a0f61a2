module github.com/wsgate/wsgate

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	go.uber.org/dig v1.19.0
)

require golang.org/x/sys v0.49.0
