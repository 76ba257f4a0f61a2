package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Check(m.Run)) }

// echo is the server under test: it sends every message back as it came.
type echo struct{}

func (*echo) OnMessage(_ context.Context, c *wsgate.Conn[struct{}], m wsgate.Message) error {
	return c.Send(m)
}

const messageLimit = 16 << 20

// serve runs the server and returns its address.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	app, err := wsgate.New(
		&wsgate.Module{Gateways: []wsgate.Route{{Path: "/", New: func() *echo { return &echo{} }}}},
		&wsgate.Options{
			Logger: slog.New(slog.DiscardHandler), Compression: true,
			Limits: wsgate.Limits{Message: messageLimit, QueueBytes: 2 * messageLimit, MessageFrames: 1 << 20, MessageWire: 8 * messageLimit, ControlRate: 1000},
		})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return addr
}

// Every case holds over plain TCP, where most messages are parsed by our own fast path, and over TLS, where
// coder/websocket parses all of them.
func TestConformance(t *testing.T) {
	cases := slices.Concat(framing(), pings(), reservedBits(), opcodes(), fragments(), utf8Texts(), closings(), limits(), autoFragments(), compression())
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.id] {
			t.Errorf("case %s is there twice", c.id)
		}
		seen[c.id] = true
	}
	for _, transport := range []struct {
		name   string
		config *tls.Config
	}{{"tcp", nil}, {"tls", certificate(t)}} {
		t.Run(transport.name, func(t *testing.T) {
			addr := serve(t, transport.config)
			for _, c := range cases {
				t.Run(c.id+" "+c.what, func(t *testing.T) {
					conn := dial(t, addr, transport.config != nil, c.offer)
					for i, s := range c.steps {
						if err := conn.take(s); err != nil {
							t.Fatalf("step %d: %v", i+1, err)
						}
					}
				})
			}
		})
	}
	sections := map[string]int{}
	for id := range seen {
		section, _, _ := strings.Cut(id, ".")
		sections[section]++
	}
	t.Logf("%d cases, over two transports; by section %v", len(cases), sections)
}

// certificate returns a configuration with a certificate of its own.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func number(section string, n int) string { return fmt.Sprintf("%s.%d", section, n) }
