package contender

import (
	"context"
	"net"
	"net/http"

	"github.com/centrifugal/centrifuge"

	"github.com/wsgate/wsgate/bench/internal/wire"
)

// Centrifuge speaks its own JSON protocol: an echo is an RPC, and a room is a
// channel that the server subscribes its clients to when they connect.
var Centrifuge = &Contender{
	Name: "centrifuge",
	About: "its JSON protocol, several messages to a frame: an echo is an RPC, a room a channel " +
		"with server-side subscriptions; its frames carry the protocol's own fields beside the payload",
	Module:  "github.com/centrifugal/centrifuge",
	Family:  GoPeer,
	Dialect: wire.Centrifuge{},
	Serve:   serveCentrifuge,
}

type centrifugeRoomKey struct{}

func serveCentrifuge(ln net.Listener) error {
	echo, err := newCentrifugeNode(func(client *centrifuge.Client, _ string) {
		client.OnRPC(func(e centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
			answer(centrifuge.RPCReply{Data: e.Data}, nil)
		})
	})
	if err != nil {
		return err
	}
	decoded, err := newCentrifugeNode(func(client *centrifuge.Client, _ string) {
		client.OnRPC(func(e centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
			data, err := reply(e.Data)
			answer(centrifuge.RPCReply{Data: data}, err)
		})
	})
	if err != nil {
		return err
	}
	var chat *centrifuge.Node
	chat, err = newCentrifugeNode(func(client *centrifuge.Client, room string) {
		client.OnMessage(func(e centrifuge.MessageEvent) { _, _ = chat.Publish(room, e.Data) })
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(PathEcho, centrifugeHandler(echo))
	mux.Handle(PathJSON, centrifugeHandler(decoded))
	mux.Handle(PathRoom+"{name}", centrifugeHandler(chat))
	return http.Serve(ln, mux)
}

// newCentrifugeNode makes a node whose clients are subscribed to their path's
// room, when it has one, and are then given to setUp.
func newCentrifugeNode(setUp func(client *centrifuge.Client, room string)) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		reply := centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}
		if room, ok := ctx.Value(centrifugeRoomKey{}).(string); ok {
			reply.Subscriptions = map[string]centrifuge.SubscribeOptions{room: {}}
		}
		return reply, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		room, _ := client.Context().Value(centrifugeRoomKey{}).(string)
		setUp(client, room)
	})
	return node, node.Run()
}

func centrifugeHandler(node *centrifuge.Node) http.Handler {
	upgrade := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{UseWriteBufferPool: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("name"); name != "" {
			r = r.WithContext(context.WithValue(r.Context(), centrifugeRoomKey{}, name))
		}
		upgrade.ServeHTTP(w, r)
	})
}
