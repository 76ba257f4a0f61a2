package contract

// version is that of AsyncAPI. 3.1.0 adds nothing for WebSocket.
const version = "3.0.0"

// document is an AsyncAPI document, with as much of it as this package writes.
type document struct {
	AsyncAPI           string                `json:"asyncapi"`
	Info               information           `json:"info"`
	DefaultContentType string                `json:"defaultContentType"`
	Channels           map[string]*channel   `json:"channels"`
	Operations         map[string]*operation `json:"operations"`
	Components         components            `json:"components"`
}

type information struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

type components struct {
	Schemas map[string]*schema `json:"schemas"`
}

// channel is a route.
type channel struct {
	Address     string               `json:"address"`
	Description string               `json:"description,omitempty"`
	Parameters  map[string]parameter `json:"parameters,omitempty"`
	Messages    map[string]*message  `json:"messages"`
	Bindings    bindings             `json:"bindings"`
	Gate        *gate                `json:"x-wsgate"`
}

type parameter struct {
	Description string `json:"description,omitempty"`
}

type bindings struct {
	WS struct {
		Method         string  `json:"method"`
		Headers        *schema `json:"headers,omitempty"`
		BindingVersion string  `json:"bindingVersion"`
	} `json:"ws"`
}

// gate is what AsyncAPI has no words for.
type gate struct {
	Path         string   `json:"path"` // as Route.Path
	Envelope     envelope `json:"envelope"`
	Subprotocols []string `json:"subprotocols,omitempty"`
	Presence     string   `json:"presence,omitempty"` // the event that says who is there
	Raw          bool     `json:"raw,omitempty"`      // messages have no envelope: the application has a protocol of its own
	SendsAny     bool     `json:"sendsAny,omitempty"` // the server may send events that are not listed
	Session      *session `json:"session,omitempty"`  // nil if a connection lasts as long as both ends like
	Limits       limits   `json:"limits"`
}

// session is what a client has to know of sessions that end. Times are in milliseconds.
type session struct {
	Refreshes bool  `json:"refreshes,omitempty"` // the client can renew it: it is sent $expiring, and answers with $refresh
	Refresh   int64 `json:"refresh,omitempty"`   // wsgate.Limits.Refresh
	Grace     int64 `json:"grace,omitempty"`     // wsgate.Limits.RefreshGrace
}

// envelope has the keys around a payload. Data is "" in the flat form.
type envelope struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Data string `json:"data"`
}

// limits are those of wsgate.Limits that a client can come up against. Times are in milliseconds.
type limits struct {
	Message       int   `json:"message"`
	MessageWire   int   `json:"messageWire"`
	MessageFrames int   `json:"messageFrames"`
	MessageTime   int64 `json:"messageTime"`
	Malformed     int   `json:"malformed"`
	ControlRate   int   `json:"controlRate"`
	Rate          int   `json:"rate"`
	Burst         int   `json:"burst"`
	QueueBytes    int   `json:"queueBytes"`
	QueueMessages int   `json:"queueMessages"`
	Write         int64 `json:"write"`
	Handshake     int64 `json:"handshake"`
	Presence      int   `json:"presence,omitempty"`
}

// message is an event, an answer or the error.
type message struct {
	Name          string       `json:"name"`
	Summary       string       `json:"summary,omitempty"`
	ContentType   string       `json:"contentType,omitempty"`
	CorrelationID *correlation `json:"correlationId,omitempty"`
	Payload       *schema      `json:"payload,omitempty"`
	Event         *event       `json:"x-wsgate,omitempty"`
}

type correlation struct {
	Location string `json:"location"`
}

// event says what of a message's payload is the event's own.
type event struct {
	Payload *schema `json:"payload,omitempty"` // nil if it has none
	Form    form    `json:"form"`
}

// form is where the payload stands in a message.
type form string

const (
	formNone   form = "none"   // there is no payload
	formBeside form = "beside" // its fields stand beside the envelope's keys
	formUnder  form = "under"  // under the envelope's key for data
)

// operation is what the application does with a message.
type operation struct {
	Action   string      `json:"action"` // "receive" or "send"
	Channel  reference   `json:"channel"`
	Summary  string      `json:"summary,omitempty"`
	Messages []reference `json:"messages"`
	Reply    *reply      `json:"reply,omitempty"`
	Call     bool        `json:"x-wsgate-call,omitempty"` // the reply has a payload, or would have one if it were not empty
}

type reply struct {
	Channel  reference   `json:"channel"`
	Messages []reference `json:"messages"`
}

type reference struct {
	Ref string `json:"$ref"`
}
