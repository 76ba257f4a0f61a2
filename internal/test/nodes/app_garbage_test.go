package nodes_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/local"
	"github.com/wsgate/wsgate/internal/test/kit"
	"github.com/wsgate/wsgate/wstest"
)

func varint(n uint64) string { return string(binary.AppendUvarint(nil, n)) }

// What no node sends is counted, on whatever topic it comes, and nobody is told.
func TestGarbageForApps(t *testing.T) {
	everywhere := map[string][]byte{
		"nothing":      nil,
		"text":         []byte("hello"),
		"version 2":    append([]byte{2}, kit.NodeMessage(kit.NodeData, "x", 1, "\x01\x00hi")[1:]...),
		"kind 99":      kit.NodeMessage(99, "x", 1, "\x01\x00hi"),
		"a long node":  kit.NodeMessage(kit.NodeData, strings.Repeat("n", 129), 1, "\x01\x00hi"),
		"much too big": kit.NodeMessage(kit.NodeData, "x", 1, strings.Repeat("x", 6<<20)),
	}
	toMembers := map[string]string{
		"no type":                         "",
		"no exceptions":                   "\x01",
		"type 0":                          "\x00\x00hi",
		"a close frame":                   "\x08\x00\x03\xe8",
		"a ping":                          "\x09\x00",
		"type 255":                        "\xff\x00hi",
		"text that is not UTF-8":          "\x01\x00\xff\xfe",
		"2^40 exceptions":                 "\x01" + varint(1<<40) + "hi",
		"2^64-1 exceptions":               "\x01" + varint(1<<64-1) + "hi",
		"65,537 exceptions":               "\x01" + varint(1<<16+1) + strings.Repeat("\x01a", 1<<16+1) + "hi",
		"exceptions that are not there":   "\x01\x05\x01a",
		"exceptions that never end":       "\x01" + strings.Repeat("\x80", 40),
		"an exception of 65 bytes":        "\x01\x01A" + strings.Repeat("a", 65) + "hi",
		"an exception of 2^63 bytes":      "\x01\x01" + varint(1<<63) + "hi",
		"more than a queue of its holder": "\x01\x00" + strings.Repeat("x", 1<<20+1),
	}
	toNodes := map[string]string{
		"no number":                "",
		"no code":                  "\x01",
		"code 5000":                "\x01" + varint(5000) + "\x00",
		"code 2^64-1":              "\x01" + varint(1<<64-1) + "\x00",
		"no reason":                "\x01" + varint(4000),
		"a reason of 2^40 bytes":   "\x01" + varint(4000) + varint(1<<40),
		"no path":                  "\x01" + varint(4000) + "\x00\x00",
		"no name":                  "\x01" + varint(4000) + "\x00\x00\x03/ws",
		"no exceptions":            "\x01" + varint(4000) + "\x00\x01\x03/ws\x00",
		"2^40 exceptions":          "\x01" + varint(4000) + "\x00\x01\x03/ws\x00" + varint(1<<40),
		"rubbish behind one route": "\x01" + varint(4000) + "\x00\x01\x04/wss\x00\x00rubbish",
	}
	kit.Bubble(t, "", func(t *testing.T) {
		engine := new(local.Broker)
		apps := startApps(t, engine, 2)
		client := apps[0].Dial("/ws?name=ann")
		wstest.Do(client, enter, "lobby")
		next := 0
		check := func(name, topic string, text []byte) {
			t.Helper()
			before := kit.Ignored(apps[0])
			if err := engine.Publish(topic, text); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if got := kit.Ignored(apps[0]) - before; got != 1 {
				t.Errorf("%s on %s: %d messages were ignored, want 1", name, topic, got)
			}
			next++
			if err := heard.Emit(apps[1].in("lobby"), fmt.Sprint(next)); err != nil {
				t.Error(err)
			}
			if got := wstest.Next(client, heard); got != fmt.Sprint(next) {
				t.Errorf("%s on %s: got %.50q, want what the neighbor sent", name, topic, got)
			}
		}
		stranger := func() string { return fmt.Sprint("stranger", next) } // whose messages are all new
		members := apps[0].broker.SubscribedByApps()
		if len(members) != 3 { // the route, the user and the room
			t.Errorf("subscribed to %q", members)
		}
		for _, topic := range members {
			for name, text := range everywhere {
				check(name, topic, text)
			}
			for name, body := range toMembers {
				check(name, topic, kit.NodeMessage(kit.NodeData, stranger(), 1, body))
				check(name+", traced", topic, kit.NodeMessage(kit.NodeTraced, stranger(), 1, "\x05trace"+body))
			}
			for name, body := range map[string]string{
				"no trace": "", "a trace of 513 bytes": varint(513) + strings.Repeat("t", 513) + "\x01\x00hi", "a trace that is not there": "\x05\x01\x00hi",
			} {
				check(name, topic, kit.NodeMessage(kit.NodeTraced, stranger(), 1, body))
			}
		}
		for name, body := range toNodes {
			check(name, "nodes", kit.NodeMessage(kit.NodeAsk, stranger(), 1, body))
		}
		wstest.Quiet(client)
	})
}

// FuzzBroker: whatever an engine delivers on whatever topic, clients get messages as a node could have sent them, and
// what a neighbor sends still arrives, unless the connection was closed.
func FuzzBroker(f *testing.F) {
	f.Add([]byte("\x01\x00hi"), byte(1), byte(0), byte(0))
	f.Add([]byte("\x01\x00\xff"), byte(1), byte(1), byte(0))
	f.Add([]byte("\x02\x01\x01a\xff"), byte(1), byte(2), byte(0))
	f.Add([]byte("\x01\xa0\x1f\x03bye\x00\x03/ws\x00\x00"), byte(7), byte(3), byte(0))
	f.Add([]byte("\x01\xa0\x1f\x02\xff\xfe\x01\x03/ws\x05lobby\x00"), byte(7), byte(3), byte(0))
	f.Add([]byte("\x01\x88\x27\x02\x03/ws\x03ann\x00"), byte(7), byte(3), byte(0))
	f.Add([]byte("\x01\x89\x27\x02\x03/ws\x03ann\x00"), byte(7), byte(3), byte(0))
	f.Add(kit.NodeMessage(1, "x", 1, "\x01\x00hi"), byte(0), byte(4), byte(1))
	f.Fuzz(func(t *testing.T, body []byte, kind, which, raw byte) {
		synctest.Test(t, func(t *testing.T) {
			engine := new(local.Broker)
			apps := startApps(t, engine, 2)
			client := apps[0].Dial("/ws?name=ann")
			wstest.Do(client, enter, "lobby")
			text := body
			if raw%2 == 0 {
				text = kit.NodeMessage(kind, "stranger", 1, string(body))
			}
			topics := apps[0].broker.Subscribed()
			if err := engine.Publish(topics[int(which)%len(topics)], text); err != nil {
				t.Fatal(err)
			}
			wstest.Pass(time.Millisecond)
			if apps[0].Hub().Len() == 0 {
				return // a stranger may have every connection closed, as a node may
			}
			if err := heard.Emit(apps[1].Hub().At("/ws"), "the fence"); err != nil {
				t.Fatal(err)
			}
			for {
				m := client.Next()
				if m.Type == websocket.MessageText && !utf8.Valid(m.Data) {
					t.Errorf("got the text %q", m.Data)
				}
				if strings.Contains(string(m.Data), "the fence") {
					break
				}
			}
		})
	})
}

// A node that does not answer is named; the connections of all others are closed.
func TestDisconnectWithASilentNode(t *testing.T) {
	for _, within := range []time.Duration{time.Hour, time.Second} {
		kit.Bubble(t, within.String(), func(t *testing.T) {
			engine := new(local.Broker)
			apps := startApps(t, engine, 2)
			var clients []*wstest.Client
			for _, app := range apps {
				clients = append(clients, app.Dial("/ws"))
				wstest.Do(clients[len(clients)-1], enter, "lobby")
			}
			bystander := apps[1].Dial("/ws")
			kit.NewMuteNode(t, engine, "mute")
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			begin := time.Now()
			err := apps[0].in("lobby").Disconnect(ctx, 4000, "enough")
			if !errors.Is(err, wsgate.ErrNoResponse) || errors.Is(err, wsgate.ErrBroker) || !strings.HasSuffix(err.Error(), ": mute") {
				t.Errorf("got %v, want ErrNoResponse and the node", err)
			}
			if took, want := time.Since(begin), min(within, 5*time.Second); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
			for _, c := range clients {
				if reason := wstest.ExpectClose(c, 4000); reason != "enough" {
					t.Errorf("got the reason %q", reason)
				}
			}
			wstest.Quiet(bystander)
			engine.SetAway(errAway)
			if err := apps[1].Hub().Disconnect(t.Context(), 4001, ""); !errors.Is(err, wsgate.ErrBroker) || errors.Is(err, wsgate.ErrNoResponse) {
				t.Errorf("got %v, want ErrBroker", err)
			}
			wstest.ExpectClose(bystander, 4001)
		})
	}
}
