package main

// What the tests of package main_test need beside the protocol.
var (
	NewApp    = newApp
	NewModule = newModule
	NewBroker = newBroker
	About     = about
)

type Options = options

func NewOptions(nats, redis string) Options { return Options{nats: nats, redis: redis} }

// Lose closes the database under the running chat.
func (s *Store) Lose() error { return s.db.Close() }
