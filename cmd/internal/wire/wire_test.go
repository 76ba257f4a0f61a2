package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/wsgate/wsgate/cmd/internal/wire"
)

func envelope(t testing.TB, typ, id, data string) *wire.Envelope {
	t.Helper()
	e, err := wire.New(typ, id, data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRequest(t *testing.T) {
	flat, nested := envelope(t, "type", "id", ""), envelope(t, "event", "seq", "data")
	long := `"` + strings.Repeat("x", 1000) + `"`
	huge := `"` + strings.Repeat("x", 70_000) + `"`
	for _, tt := range []struct {
		envelope      *wire.Envelope
		payload, want string
	}{
		{flat, ``, `{"type":"x","id":1}`},
		{flat, `{}`, `{"type":"x","id":1}`},
		{flat, ` { } `, `{"type":"x","id":1}`},
		{flat, "{\n\t\"a\": 1,\n\t\"b\": [1, 2]\n}\n", `{"type":"x","id":1,"a":1,"b":[1,2]}`},
		{flat, `"a"`, `{"type":"x","id":1,"data":"a"}`},
		{flat, `-5.50`, `{"type":"x","id":1,"data":-5.50}`},
		{flat, `null`, `{"type":"x","id":1,"data":null}`},
		{flat, `[{"type":1}]`, `{"type":"x","id":1,"data":[{"type":1}]}`},
		{flat, long, `{"type":"x","id":1,"data":` + long + `}`},
		{flat, huge, `{"type":"x","id":1,"data":` + huge + `}`},
		{flat, `{"id":7,"a":1}`, `{"type":"x","id":1,"data":{"id":7,"a":1}}`},
		{flat, `{ "a" : 1 , "TYPE" : null }`, `{"type":"x","id":1,"data":{"a":1,"TYPE":null}}`},
		{flat, `{"a":1,"data":{}}`, `{"type":"x","id":1,"data":{"a":1,"data":{}}}`},
		{flat, `{"a":{"id":7}}`, `{"type":"x","id":1,"a":{"id":7}}`},
		{nested, ``, `{"event":"x","seq":1}`},
		{nested, `{"event":1,"b":2}`, `{"event":"x","seq":1,"data":{"event":1,"b":2}}`},
		{nested, `"a"`, `{"event":"x","seq":1,"data":"a"}`},
	} {
		var payload []byte
		if tt.payload != "" {
			payload = []byte(tt.payload)
		}
		if got, err := tt.envelope.Request("x", []byte("1"), payload); err != nil || string(got) != tt.want {
			t.Errorf("%.60s: got %.100s, %v, want %.100s", tt.payload, got, err, tt.want)
		}
	}
}

func TestRequestThatCannotBe(t *testing.T) {
	flat := envelope(t, "type", "id", "")
	for payload, complaint := range map[string]string{
		`hello`:         "not JSON",
		` `:             "not JSON",
		`{} {}`:         "not JSON",
		`{"a":1,"a":2}`: "duplicate key",
	} {
		if got, err := flat.Request("x", []byte("1"), []byte(payload)); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: got %s, %v, want an error with %s", payload, got, err, complaint)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct{ typ, id, data, complaint string }{
		{"type", "type", "", "twice"},
		{"type", "id", "ID", "twice"},
		{"data", "id", "", "twice"},
		{"", "id", "", "empty"},
		{"a\n", "id", "", "line breaks"},
		{"a\xff", "id", "", "not valid UTF-8"},
		{"code", "id", "", "needed for errors"},
		{"code", "id", "data", ""},
		{"äction", "id", "", ""},
		{"👨\u200d👩\u200d👧", "شناسه\u200cها", "", ""},
	} {
		_, err := wire.New(tt.typ, tt.id, tt.data)
		if (err == nil) != (tt.complaint == "") || err != nil && !strings.Contains(err.Error(), tt.complaint) {
			t.Errorf("keys %q: got %v, want %q", []string{tt.typ, tt.id, tt.data}, err, tt.complaint)
		}
	}
}

func TestRead(t *testing.T) {
	flat, nested := envelope(t, "type", "id", ""), envelope(t, "event", "seq", "data")
	for _, tt := range []struct {
		envelope          *wire.Envelope
		text, id, payload string
	}{
		{flat, `{"type":"x","id":1}`, `1`, `null`},
		{flat, `{"type":"x","data":null}`, ``, `null`},
		{flat, `{"type":"x","id":"a","data":{}}`, `"a"`, `{}`},
		{flat, `{"type":"x","id":1,"data":{"id":7}}`, `1`, `{"id":7}`},
		{flat, `{"type":"x","id":1,"data":[ 1.0, 12345678901234567890 ]}`, `1`, `[1.0,12345678901234567890]`},
		{flat, "{\"type\":\"x\",\"id\":1,\"b\":\n{\"id\":2},\"a\":\"<\"}", `1`, `{"b":{"id":2},"a":"<"}`},
		{nested, `{"event":"x","seq":1}`, `1`, `null`},
		{nested, `{"event":"x","seq":1,"data":{"a":1}}`, `1`, `{"a":1}`},
		{nested, `{"event":"x","seq":1,"a":1}`, `1`, `{"a":1}`}, // the server is flat after all
	} {
		m, err := tt.envelope.Read([]byte(tt.text))
		if err != nil || m.Failed || string(m.ID) != tt.id {
			t.Errorf("%s: got id %s, failed %v, %v, want id %s", tt.text, m.ID, m.Failed, err, tt.id)
			continue
		}
		if payload, err := m.Payload(); err != nil || string(payload) != tt.payload {
			t.Errorf("%s: got payload %s, %v, want %s", tt.text, payload, err, tt.payload)
		}
	}
}

func TestReadError(t *testing.T) {
	flat, nested := envelope(t, "type", "id", ""), envelope(t, "event", "id", "data")
	for _, tt := range []struct {
		envelope   *wire.Envelope
		text, want string
	}{
		{flat, `{"type":"error","id":1,"code":"invalid","message":"no"}`, `invalid: no`},
		{flat, `{"type":"error","id":1,"code":"invalid","message":"no","details":{"a": [1]}}`, `invalid: no (details: {"a":[1]})`},
		{nested, `{"event":"error","id":1,"data":{"code":"invalid","message":"no"}}`, `invalid: no`},
		{nested, `{"event":"error","id":1,"code":"invalid","message":"no"}`, `invalid: no`},
		{flat, `{"type":"error","id":1}`, `error null`},
		{flat, `{"type":"error","id":1,"data":"broken"}`, `error "broken"`},
		{flat, `{"type":"error","id":1,"code":5}`, `error {"code":5}`},
	} {
		m, err := tt.envelope.Read([]byte(tt.text))
		if err != nil || !m.Failed {
			t.Errorf("%s: got failed %v, %v", tt.text, m.Failed, err)
		} else if err := m.Err(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.text, err, tt.want)
		}
	}
	m, err := flat.Read([]byte(`{"type":"error","id":1,"code":"invalid","message":"no"}`))
	if err != nil {
		t.Fatal(err)
	}
	if failed := (*wire.Error)(nil); !errors.As(m.Err(), &failed) || failed.Code != "invalid" {
		t.Errorf("got %#v, want an Error with its code", m.Err())
	}
}

func TestReadWhatIsNoEnvelope(t *testing.T) {
	flat := envelope(t, "type", "id", "")
	for text, id := range map[string]string{
		`hello`:                ``,
		`[1]`:                  ``,
		`{"event":"x"}`:        ``,
		`{"event":"x","id":7}`: `7`,
	} {
		if m, err := flat.Read([]byte(text)); err == nil || string(m.ID) != id {
			t.Errorf("%s: got id %s, %v, want id %q and an error", text, m.ID, err, id)
		}
	}
}

// FuzzMessage reads whatever a server may send.
func FuzzMessage(f *testing.F) {
	f.Add(`{"type":"x","id":1,"a":2}`, true)
	f.Add(`{"type":"error","id":"i","data":{"code":"a","message":"b","details":null}}`, false)
	f.Add(`{"type":"error","code":"a","message":"b"}`, true)
	f.Fuzz(func(t *testing.T, text string, flat bool) {
		data := "data"
		if flat {
			data = ""
		}
		m, err := envelope(t, "type", "id", data).Read([]byte(text))
		if err != nil {
			return
		}
		if payload, err := m.Payload(); err != nil || !json.Valid(payload) || strings.Contains(string(payload), "\n") {
			t.Errorf("%q: got payload %q, %v", text, payload, err)
		}
		if m.Err() == nil {
			t.Errorf("%q: got no error", text)
		}
	})
}
