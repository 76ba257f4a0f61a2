package wstest

import "github.com/wsgate/wsgate/internal/local"

// Broker is a wsgate.Broker and wsgate.PresenceStore in memory. Apps that are given the same one are the nodes of a
// cluster:
//
//	broker := new(wstest.Broker)
//	a := wstest.New(t, chat.Module, wstest.With(&wsgate.Options{Broker: broker}))
//	b := wstest.New(t, chat.Module, wstest.With(&wsgate.Options{Broker: broker}))
//
// SetAway(err) makes it behave as if the message broker behind it were away, SetAway(nil) as if it were back. The zero
// value is ready to use.
type Broker struct{ local.Broker }
