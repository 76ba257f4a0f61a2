package contract

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wsgate/wsgate/internal/text"
)

// Parse reads a document that this package has written. What is not described by it is an error.
func Parse(body []byte) (*Document, error) {
	d := new(document)
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("contract: not a document: %w", err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("contract: not a document of wsgate: %w", err)
	}
	return &Document{d}, nil
}

// check returns an error unless everything that the document refers to is in it.
func (d *document) check() error {
	if d.AsyncAPI != version {
		return fmt.Errorf(`"asyncapi" is %q, want %q`, d.AsyncAPI, version)
	}
	for _, name := range sortedKeys(d.Components.Schemas) {
		if err := d.checkSchema(d.Components.Schemas[name]); err != nil {
			return fmt.Errorf("schema %q: %w", name, err)
		}
	}
	for _, key := range sortedKeys(d.Channels) {
		if err := d.checkChannel(d.Channels[key]); err != nil {
			return fmt.Errorf("channel %q: %w", key, err)
		}
	}
	for _, key := range sortedKeys(d.Operations) {
		if err := d.checkOperation(d.Operations[key]); err != nil {
			return fmt.Errorf("operation %q: %w", key, err)
		}
	}
	return nil
}

func (d *document) checkChannel(c *channel) error {
	if c == nil || c.Gate == nil {
		return errors.New(`"x-wsgate" is missing`)
	}
	for _, key := range sortedKeys(c.Messages) {
		m := c.Messages[key]
		if m == nil {
			return fmt.Errorf("message %q is null", key)
		}
		schemas := []*schema{m.Payload}
		if m.Event != nil {
			schemas = append(schemas, m.Event.Payload)
		}
		for _, s := range schemas {
			if s == nil {
				continue
			}
			if err := d.checkSchema(s); err != nil {
				return fmt.Errorf("message %q: %w", key, err)
			}
		}
	}
	return nil
}

func (d *document) checkOperation(o *operation) error {
	if o == nil || len(o.Messages) == 0 {
		return errors.New("it has no messages")
	}
	messages := o.Messages
	if o.Reply != nil {
		if len(o.Reply.Messages) == 0 {
			return errors.New("its reply has no messages")
		}
		messages = slices.Concat(messages, o.Reply.Messages)
	}
	for _, ref := range messages {
		if d.message(ref) == nil {
			return fmt.Errorf("nothing is at %q", ref.Ref)
		}
	}
	return nil
}

// checkSchema returns an error if the schema refers to what is not in the document, or to itself and nothing else.
func (d *document) checkSchema(s *schema) (err error) {
	if s == nil {
		return errors.New("it is null")
	}
	s.walk(func(s *schema) {
		if s.Ref == "" || err != nil {
			return
		}
		target := s
		for steps := 0; target != nil && target.Ref != ""; steps++ {
			if target = d.Components.Schemas[strings.TrimPrefix(target.Ref, schemaPrefix)]; steps > len(d.Components.Schemas) {
				target = nil
			}
		}
		if target == nil || !strings.HasPrefix(s.Ref, schemaPrefix) {
			err = fmt.Errorf("no schema is at %q", s.Ref)
		}
	})
	return err
}

// resolve returns the schema that s refers to, or s.
func (d *document) resolve(s *schema) *schema {
	for s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, schemaPrefix)]
	}
	return s
}

// message returns the message that a reference is about, nil if there is none.
func (d *document) message(ref reference) *message {
	path := strings.Split(ref.Ref, "/")
	if len(path) != 5 || path[0] != "#" || path[1] != "channels" || path[3] != "messages" {
		return nil
	}
	c := d.Channels[path[2]]
	if c == nil {
		return nil
	}
	return c.Messages[path[4]]
}

// route is what a document says of a route, for those who compare it or write it in another language.
type route struct {
	*channel
	key   string
	emits []routeEvent // what clients send, calls as well, without control messages
	sends []routeEvent // what the server sends, without answers, errors and control messages
}

type routeEvent struct {
	name    string
	payload *schema // nil if there is none
	form    form
	call    bool
	answer  routeAnswer
}

type routeAnswer struct {
	payload *schema
	form    form
}

// routes returns the routes, sorted by path.
func (d *document) routes() (routes []*route) {
	byKey := map[string]*route{}
	for _, key := range sortedKeys(d.Channels) {
		byKey[key] = &route{channel: d.Channels[key], key: key}
		routes = append(routes, byKey[key])
	}
	for _, key := range sortedKeys(d.Operations) {
		o := d.Operations[key]
		r, m := byKey[strings.TrimPrefix(o.Channel.Ref, "#/channels/")], d.message(o.Messages[0])
		if r == nil || m.Event == nil || m.Name == errorEvent || text.IsControl(m.Name) { // of nothing, raw, or the protocol's own
			continue
		}
		e := routeEvent{name: m.Name, payload: m.Event.Payload, form: m.Event.Form, call: o.Call}
		if o.Reply != nil {
			if answer := d.message(o.Reply.Messages[0]); answer.Event != nil {
				e.answer = routeAnswer{answer.Event.Payload, answer.Event.Form}
			}
		}
		if o.Action == in.action() {
			r.emits = append(r.emits, e)
		} else {
			r.sends = append(r.sends, e)
		}
	}
	byName := func(a, b routeEvent) int { return cmp.Compare(a.name, b.name) }
	for _, r := range routes {
		slices.SortFunc(r.emits, byName)
		slices.SortFunc(r.sends, byName)
	}
	slices.SortFunc(routes, func(a, b *route) int { return cmp.Compare(a.Gate.Path, b.Gate.Path) })
	return routes
}
