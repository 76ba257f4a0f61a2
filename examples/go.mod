module github.com/wsgate/wsgate/examples

go 1.25

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/coder/websocket v1.8.15
	github.com/google/go-cmp v0.7.0
	github.com/ncruces/go-sqlite3 v0.32.0
	github.com/wsgate/wsgate v0.0.0
)

require (
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/tetratelabs/wazero v1.11.0 // indirect
	go.uber.org/dig v1.19.0 // indirect
	golang.org/x/sys v0.41.0 // indirect
)

replace github.com/wsgate/wsgate => ../
