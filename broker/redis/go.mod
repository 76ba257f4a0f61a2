module github.com/wsgate/wsgate/broker/redis

go 1.26.0

require (
	github.com/redis/rueidis v1.0.79
	github.com/wsgate/wsgate v0.1.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	go.uber.org/dig v1.19.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
