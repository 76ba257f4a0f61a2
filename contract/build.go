package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsgate/wsgate"
	wire "github.com/wsgate/wsgate/internal/envelope"
	"github.com/wsgate/wsgate/internal/inspect"
)

// builder makes a document of an App.
type builder struct {
	doc     *document
	types   *reflector
	keys    names // of channels
	schemas []*schema
	beside  []beside
}

// beside is a payload whose fields stand beside the keys of its envelope.
type beside struct {
	message *schema // with the envelope's keys
	payload *schema
	data    string // the key for what is no object
}

// build returns the document of an App's routes.
func build(info Info, routes []wsgate.RouteInfo) (*document, error) {
	b := &builder{types: newReflector(), keys: taken(), doc: &document{
		AsyncAPI: version, DefaultContentType: "application/json",
		Info: information{
			Title: cmp.Or(info.Title, "WebSocket API"), Version: cmp.Or(info.Version, "0.0.0"), Description: info.Description,
		},
		Channels: map[string]*channel{}, Operations: map[string]*operation{}, Components: components{Schemas: map[string]*schema{}},
	}}
	for i := range routes {
		if err := b.route(&routes[i]); err != nil {
			return nil, fmt.Errorf("route %q: %w", routes[i].Path, err)
		}
	}
	return b.doc, b.components()
}

// routeBuilder makes the channel of a route, and its operations.
type routeBuilder struct {
	*builder
	key     string
	channel *channel
	keys    names // of its messages
	names   wire.Names
}

func (b *builder) route(info *wsgate.RouteInfo) error {
	key := b.keys.take(channelName(info.Path))
	address, parameters := addressOf(info.Path)
	raw := slices.Contains(info.Hooks, "OnMessage")
	l := info.Limits
	r := &routeBuilder{
		builder: b, key: key, keys: names{}, names: wire.New(info.Envelope.Type, info.Envelope.ID, info.Envelope.Data),
		channel: &channel{
			Address: address, Description: "The gateway at " + info.Path + ".", Parameters: parameters, Messages: map[string]*message{},
			Gate: &gate{
				Path: info.Path, Envelope: envelope(info.Envelope), Subprotocols: info.Subprotocols, Presence: info.Presence,
				Raw: raw, SendsAny: info.Sends == nil && !raw, Session: sessionOf(info),
				Limits: limits{
					l.Message, l.MessageWire, l.MessageFrames, l.MessageTime.Milliseconds(), l.Malformed, l.ControlRate, l.Rate, l.Burst,
					l.QueueBytes, l.QueueMessages, l.Write.Milliseconds(), l.Handshake.Milliseconds(), 0,
				},
			},
		},
	}
	if info.Presence != "" {
		r.channel.Gate.Limits.Presence = l.Presence
	}
	ws := &r.channel.Bindings.WS
	ws.Method, ws.BindingVersion = "GET", "0.1.0"
	if len(info.Subprotocols) > 0 {
		ws.Headers = &schema{Type: types{"object"}, Properties: properties{{"Sec-WebSocket-Protocol", &schema{
			Type: types{"string"}, Description: "None, or one or more of " + strings.Join(info.Subprotocols, ", ") + ".",
		}}}}
	}
	b.doc.Channels[key] = r.channel
	if raw {
		r.raw()
		return nil
	}
	return r.events(info)
}

// sessionOf returns what is said of a route's sessions, nil if they do not end.
func sessionOf(info *wsgate.RouteInfo) *session {
	data := info.Data
	if data == nil {
		return nil
	}
	if k := data.Kind(); k != reflect.Pointer && k != reflect.Interface {
		data = reflect.PointerTo(data)
	}
	if !data.Implements(reflect.TypeFor[interface{ ExpiresAt() time.Time }]()) {
		return nil
	}
	if !slices.Contains(info.Hooks, "OnRefresh") {
		return &session{}
	}
	return &session{true, info.Limits.Refresh.Milliseconds(), info.Limits.RefreshGrace.Milliseconds()}
}

// raw describes a gateway whose messages are its own affair.
func (r *routeBuilder) raw() {
	for _, dir := range []direction{in, out} {
		key := r.message(dir.prefix(), "raw", &message{Name: "raw", ContentType: "application/octet-stream", Summary: "Any message: the application has a protocol of its own."})
		r.operation(dir.prefix(), "raw", &operation{Action: dir.action(), Messages: []reference{r.ref(key)}})
	}
}

func (r *routeBuilder) events(info *wsgate.RouteInfo) error {
	failure := &schema{
		Type: types{"object"}, Required: []string{"code", "message"},
		Properties: properties{
			{"code", &schema{Type: types{"string"}, Description: "For programs."}},
			{"message", &schema{Type: types{"string"}, Description: "For people."}},
			{"details", &schema{}},
		},
	}
	form := formBeside
	if r.names.Nested {
		form = formUnder
	}
	failed := r.message(out.prefix(), wire.ErrorName, &message{
		Name: wire.ErrorName, Summary: "What is wrong with a message from the client.", CorrelationID: r.correlation(),
		Payload: r.wrap(wire.ErrorName, failure, form, true, idOptional), Event: &event{failure, form},
	})
	for _, e := range info.Events {
		m, err := r.incoming(e.Name, e.Payload, e.Answer != nil)
		if err != nil {
			return err
		}
		answer := &message{
			Name: e.Name, Summary: "Says that " + e.Name + " was handled.", CorrelationID: r.correlation(),
			Payload: r.wrap(e.Name, nil, formNone, false, idRequired), Event: &event{nil, formNone},
		}
		prefix, summary := "done.", "A client sends "+e.Name+"."
		if e.Answer != nil {
			prefix, summary = "answer.", "A client asks "+e.Name+"."
			if answer, err = r.outgoing(e.Name, e.Answer, idRequired); err != nil {
				return err
			}
			answer.Summary, answer.CorrelationID = "The answer to "+e.Name+".", r.correlation()
		}
		asked, answered := r.message(in.prefix(), e.Name, m), r.message(prefix, e.Name, answer)
		r.operation(in.prefix(), e.Name, &operation{
			Action: in.action(), Summary: summary, Messages: []reference{r.ref(asked)}, Call: e.Answer != nil,
			Reply: &reply{r.channelRef(), []reference{r.ref(answered), r.ref(failed)}},
		})
	}
	sends := map[string]reflect.Type{}
	for _, e := range info.Sends {
		sends[e.Name] = e.Payload
	}
	if info.Presence != "" {
		sends[info.Presence] = info.PresenceType
	}
	for _, name := range sortedKeys(sends) {
		m, err := r.outgoing(name, sends[name], idNone)
		if err != nil {
			return err
		}
		key := r.message(out.prefix(), name, m)
		r.operation(out.prefix(), name, &operation{
			Action: out.action(), Summary: "The server sends " + name + ".", Messages: []reference{r.ref(key)},
		})
	}
	r.operation(out.prefix(), wire.ErrorName, &operation{
		Action: out.action(), Summary: "The server refuses a message that has no id.", Messages: []reference{r.ref(failed)},
	})
	r.control(slices.Contains(info.Hooks, "OnRefresh"), failed)
	return nil
}

func (d direction) action() string { return [...]string{in: "receive", out: "send"}[d] }
func (d direction) prefix() string { return [...]string{in: "in.", out: "out."}[d] }

// incoming returns the message of an event that clients send.
func (r *routeBuilder) incoming(name string, t reflect.Type, call bool) (*message, error) {
	id := idOptional
	if call {
		id = idRequired
	}
	payload, form, err := r.payload(t, in)
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", name, err)
	}
	// An object may be left out as if it had no fields, and so may what can be nothing.
	required := inspect.HasFields(t) && (t.Kind() == reflect.Pointer || inspect.ShapeOf(t) == inspect.Value) &&
		!inspect.SaysNothing(reflect.New(t).Interface())
	return &message{
		Name: name, CorrelationID: r.correlation(), Payload: r.wrap(name, payload, form, required, id), Event: &event{payload, form},
	}, nil
}

// outgoing returns the message of an event or an answer that the server sends.
func (r *routeBuilder) outgoing(name string, t reflect.Type, id idUse) (*message, error) {
	payload, form, err := r.payload(t, out)
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", name, err)
	}
	return &message{Name: name, Payload: r.wrap(name, payload, form, true, id), Event: &event{payload, form}}, nil
}

// payload returns the schema of a payload, nil for a struct without fields, and where it stands.
func (r *routeBuilder) payload(t reflect.Type, dir direction) (s *schema, at form, err error) {
	if !inspect.HasFields(t) && inspect.ShapeOf(t) == inspect.Object {
		return nil, formNone, nil
	}
	if s, err = r.types.schema(t, dir); err != nil {
		return nil, "", err
	}
	r.schemas = append(r.schemas, s)
	switch shape := r.names.ShapeOf(t); {
	case r.names.Nested, shape == inspect.Value:
		return s, formUnder, nil
	case shape == inspect.Map: // never null: nil is an empty map
		*s = *s.withoutNull()
	}
	return s, formBeside, nil
}

// idUse says whether a message has an id.
type idUse int

const (
	idNone idUse = iota
	idOptional
	idRequired
)

// wrap returns the schema of a message with that payload. required is whether it has to be there.
func (r *routeBuilder) wrap(name string, payload *schema, at form, required bool, id idUse) *schema {
	quoted, _ := json.Marshal(name) // a string can always be marshalled
	s := &schema{
		Type: types{"object"}, Required: []string{r.names.Type},
		Properties: properties{{r.names.Type, &schema{Type: types{"string"}, Const: quoted}}},
	}
	if id != idNone {
		s.Properties = append(s.Properties, property{r.names.ID, &schema{
			Type: types{"string", "number"}, Description: "The client's, of at most 64 bytes; an answer has that of its question.",
		}})
	}
	if id == idRequired {
		s.Required = append(s.Required, r.names.ID)
	}
	switch {
	case at == formUnder:
		s.Properties = append(s.Properties, property{r.names.Data, payload})
		if required {
			s.Required = append(s.Required, r.names.Data)
		}
	case at == formBeside:
		r.beside = append(r.beside, beside{s, payload, r.names.Data})
	}
	return s
}

func (r *routeBuilder) correlation() *correlation {
	return &correlation{"$message.payload#/" + pointerEscaper.Replace(r.names.ID)}
}

// message adds a message and returns its key.
func (r *routeBuilder) message(prefix, name string, m *message) string {
	key := r.keys.take(prefix + keyFor(name))
	r.channel.Messages[key] = m
	return key
}

func (r *routeBuilder) operation(prefix, name string, o *operation) {
	o.Channel = r.channelRef()
	r.doc.Operations[r.keys.take(r.key+"."+prefix+keyFor(name))] = o
}

func (r *routeBuilder) channelRef() reference { return reference{"#/channels/" + r.key} }
func (r *routeBuilder) ref(key string) reference {
	return reference{r.channelRef().Ref + "/messages/" + key}
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// wildcard is a wildcard of an http.ServeMux pattern.
var wildcard = regexp.MustCompile(`\{([^{}]*?)(\.\.\.)?\}`)

// wildcards returns the names of a pattern's wildcards.
func wildcards(path string) (found []string) {
	for _, match := range wildcard.FindAllStringSubmatch(path, -1) {
		if match[1] != "$" {
			found = append(found, match[1])
		}
	}
	return found
}

// addressOf returns a pattern in the words of AsyncAPI: a host is none of the address, and the names of parameters are ASCII.
func addressOf(path string) (address string, parameters map[string]parameter) {
	used := names{}
	address = wildcard.ReplaceAllStringFunc(path[strings.IndexByte(path, '/'):], func(w string) string {
		match := wildcard.FindStringSubmatch(w)
		if match[1] == "$" {
			return ""
		}
		if parameters == nil {
			parameters = map[string]parameter{}
		}
		key, description := used.take(strings.ReplaceAll(keyFor(match[1]), ".", "_")), ""
		if match[2] != "" {
			description = "The rest of the path, which may have slashes."
		}
		parameters[key] = parameter{description}
		return "{" + key + "}"
	})
	return address, parameters
}

// channelName returns a name for the route of a path: WsChatRoom for /ws/chat/{room}.
func channelName(path string) string {
	return cmp.Or(identifier(wildcard.ReplaceAllStringFunc(path, func(w string) string {
		return "/" + strings.Trim(w, "{}$.") + "/"
	})), "Root")
}

// components makes the components, and the schemas final that refer to them.
func (b *builder) components() error {
	if err := b.types.finish(); err != nil {
		return err
	}
	names := b.types.names(b.keys)
	final := func(s *schema) {
		n, ok := strings.CutPrefix(s.Ref, preliminary)
		if !ok {
			return
		}
		number, _ := strconv.Atoi(n)
		if names[number] == "" { // it has none
			*s = *b.types.bodies[number]
			return
		}
		s.Ref = schemaPrefix + names[number]
	}
	for i, body := range b.types.bodies {
		body.walk(final)
		if names[i] != "" {
			b.doc.Components.Schemas[names[i]] = body
		}
	}
	for _, s := range b.schemas {
		s.walk(final)
	}
	for _, one := range b.beside {
		b.doc.place(one)
	}
	return b.doc.check()
}

// place puts the fields of a payload into the schema of its message.
func (d *document) place(b beside) {
	payload := b.payload.withoutNull()
	nullable := payload != b.payload
	keys := *b.message
	if object := d.resolve(payload); object.Properties == nil && object.AdditionalProperties != nil { // a map: its values are not the keys'
		b.message.AdditionalProperties = object.AdditionalProperties
		return
	}
	*b.message = schema{AllOf: []*schema{payload, &keys}}
	if nullable {
		absent := keys
		absent.Properties = append(slices.Clip(keys.Properties), property{b.data, &schema{Type: types{"null"}}})
		absent.Required = append(slices.Clip(keys.Required), b.data)
		*b.message = schema{AnyOf: []*schema{{AllOf: []*schema{payload, &keys}}, &absent}}
	}
}

const schemaPrefix = "#/components/schemas/"
