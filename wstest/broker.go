package wstest

import "github.com/wsgate/wsgate/internal/local"

// Broker is a wsgate.Broker and wsgate.PresenceStore in memory. Apps that are given the same one are the nodes of a cluster:
//
//	broker := new(wstest.Broker)
//	a := wstest.New(t, chat.Module, wstest.With(&wsgate.Options{Broker: broker}))
//	b := wstest.New(t, chat.Module, wstest.With(&wsgate.Options{Broker: broker}))
//
// SetAway(err) has it behave as one whose engine is away, SetAway(nil) as one whose engine is back.
// The zero value is ready to use.
type Broker struct{ local.Broker }
