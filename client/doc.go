// Package client is a client for gateways of wsgate. It uses the same constants as the server:
//
//	c := client.New("wss://example.com/chat/go", nil)
//	client.On(c, chat.Said, func(ctx context.Context, line chat.Line) { fmt.Println(line.From, line.Text) })
//	if err := c.Dial(ctx); err != nil { ... }
//	defer c.Close(context.Background())
//	err := client.Emit(ctx, c, chat.Say, "hello")
//	lines, err := client.Call(ctx, c, chat.History, 50)
//
// # Reconnecting
//
// A client connects again whenever its connection is lost, for ever, until Close or until the server says that it should
// stay away: by the close codes 1000, 1002, 1003, 1007, 1008, 1009, 4409 and those of applications, unless
// [Options].Reconnect has them (4000 to 4999, but not 4401: the session has expired, and [Options].Handshake has new
// credentials); and by refusing the handshake with a status that another attempt would not change. It
// waits a random time before each attempt, below a bound that doubles from 0.5 s to 20 s and begins again at 0.5 s after
// a connection of 5 s. It waits longer if the refusal has a Retry-After.
//
// A new connection is in no room. [Options].OnState is the place to join rooms and to ask for what was missed.
//
// A call in flight when the connection is lost fails at once with [ErrDisconnected]: nobody knows whether the server has
// handled it. It is never repeated. While there is no connection, a call or an event fails with [ErrNotConnected], or it
// waits in a queue that [Options].Queue bounds.
//
// # Moving
//
// A server that shuts down tells its clients to connect elsewhere. The client does that first, and lets go of its connection
// when the new one is open, OnState has returned, and the calls that were sent over the old one are answered. Events of
// both are handled meanwhile, so none is missed if OnState joins rooms by [Do] or [Call]; one that the server sends to both
// may be handled twice. The state is Connected all the time, and OnState is told so again.
//
// # Goroutines
//
// Handlers run one at a time, in the order in which messages arrived and the state changed, on one goroutine of the
// client. Answers to calls do not pass through it. So a handler may use [Call]: it delays other handlers, and no answer.
// If handlers are slow and [Options].Inbox messages wait for them, the client stops reading, until a handler returns or
// a call waits for its answer. A handler that panics is logged, and the next one runs.
//
// Everything may be called from any goroutine.
package client
