package contract

import (
	"reflect"

	wire "github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
)

// control describes the messages of the protocol itself. They come after the events, whose keys they must not take.
// refreshes is whether the gateway has OnRefresh, and failed the key of the error.
func (r *routeBuilder) control(refreshes bool, failed string) {
	r.controlSent(wire.Reconnect, "The server is about to close the connection, and the client may connect again before that.", nil, formNone)
	r.controlAsked(wire.Reconnect, "A client says that it connects again, or, with an id on the new connection, asks whether that is open.",
		nil, nil, formNone, failed)
	if !refreshes {
		return
	}
	r.controlSent(wire.Expiring, "The session ends soon, and the server needs a token to renew it.", timeLeft(true), r.controlForm(wire.TimeLeft{}))
	token := &schema{
		Type: types{"object"}, Required: []string{"token"},
		Properties: properties{{"token", &schema{Type: types{"string"}, Description: "What the application takes, usually the same as in the handshake."}}},
	}
	r.controlAsked(wire.Refresh, "A client sends a token to renew its session.", token, timeLeft(false), r.controlForm(wire.Token{}), failed)
}

// timeLeft returns the schema of a wire.TimeLeft. always is whether the session has an end.
func timeLeft(always bool) *schema {
	in := &schema{Type: types{"integer"}, Minimum: "0", Description: "The seconds until the session ends, rounded down."}
	s := &schema{Type: types{"object"}, Properties: properties{{"in", in}}}
	if always {
		s.Required = []string{"in"}
	} else {
		in.Description += " Left out if it does not end."
	}
	return s
}

// controlForm returns where the payload of a control message stands.
func (r *routeBuilder) controlForm(payload any) form {
	if r.names.Nested || r.names.ShapeOf(reflect.TypeOf(payload)) == inspect.Value {
		return formUnder
	}
	return formBeside
}

// controlSent describes a control message from the server.
func (r *routeBuilder) controlSent(name, summary string, payload *schema, at form) {
	key := r.message(out.prefix(), name, &message{
		Name: name, Summary: summary, Payload: r.wrap(name, payload, at, true, idNone), Event: &event{payload, at},
	})
	r.operation(out.prefix(), name, &operation{Action: out.action(), Summary: summary, Messages: []reference{r.ref(key)}})
}

// controlAsked describes a control message from a client, and its answer.
func (r *routeBuilder) controlAsked(name, summary string, payload, answer *schema, at form, failed string) {
	prefix, answerAt := "done.", formNone
	if answer != nil {
		prefix, answerAt = "answer.", r.controlForm(wire.TimeLeft{})
	}
	asked := r.message(in.prefix(), name, &message{
		Name: name, Summary: summary, CorrelationID: r.correlation(),
		Payload: r.wrap(name, payload, at, true, idOptional), Event: &event{payload, at},
	})
	answered := r.message(prefix, name, &message{
		Name: name, Summary: "The answer to " + name + ".", CorrelationID: r.correlation(),
		Payload: r.wrap(name, answer, answerAt, true, idRequired), Event: &event{answer, answerAt},
	})
	r.operation(in.prefix(), name, &operation{
		Action: in.action(), Summary: summary, Messages: []reference{r.ref(asked)},
		Reply: &reply{r.channelRef(), []reference{r.ref(answered), r.ref(failed)}},
	})
}
