package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// playNATS is a server of NATS with JetStream, until ctx is done.
func playNATS(ctx context.Context, config string) error {
	var setup natsSetup
	if err := json.Unmarshal([]byte(config), &setup); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(setup.Port)))
	if err != nil { // which the server would not return
		return err
	}
	ln.Close()
	s, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "clustertest", Host: "127.0.0.1", Port: setup.Port, JetStream: true, StoreDir: setup.Dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go s.Start() // Shutdown and WaitForShutdown wait for it
	if !s.ReadyForConnections(patience) {
		return errors.New("the server of NATS does not accept connections")
	}
	fmt.Println("ready")
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
