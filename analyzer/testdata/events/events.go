// Package events declares events and calls, some of which cannot be.
package events

import (
	"encoding/json"
	"time"

	"github.com/wsgate/wsgate"
)

type (
	order struct {
		Item string
		At   time.Time
		Any  any
		raw  json.RawMessage
		done chan int
		Own  own
		Skip func() `json:"-"`
	}
	waiting struct {
		Rows []map[string]*struct{ Done chan int }
	}
	own struct{ C chan int }
	// reads is one that the library does not look into either.
	reads struct{ C chan int }
)

func (own) MarshalJSON() ([]byte, error)  { return []byte("1"), nil } // want MarshalJSON:"never fails"
func (*reads) UnmarshalJSON([]byte) error { return nil }

const (
	fine    wsgate.Event[order]         = "fine"
	persian wsgate.Event[*reads]        = "می‌روم"
	ask     wsgate.Call[order, []order] = "ask"

	empty    wsgate.Event[int]           = ""                           // want `event "": it is empty`
	failure  wsgate.Event[int]           = "error"                      // want `event "error": it is the name of errors\n\twant 1 to 64 characters`
	reserved wsgate.Call[int, int]       = "$own"                       // want `names that begin with "\$" are reserved`
	lines                                = wsgate.Event[string]("a\nb") // want `control characters`
	never    wsgate.Event[waiting]       = "never"                      // want `event "never": the JSON of payload events.waiting cannot be made\n\thave a payload of type events.waiting, whose Rows\[\]\[\].Done is chan int, which JSON does not have\n\tfix: `
	answer   wsgate.Call[int, func()]    = "answer"                     // want `event "answer": the JSON of payload func\(\) cannot be made`
	question wsgate.Call[complex64, int] = "question"                   // want `complex64`
)

// Other constants are none of the library's.
const none = ""
