package wstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/wstest"
)

// A goroutine that goes on dialing when its test has ended fails, and races with nothing.
func TestDialOutlivesTest(t *testing.T) {
	for range 50 {
		r := &recorder{TB: new(testing.T)}
		opened := make(chan struct{}, 1)
		app := wstest.New(contextual{r}, &wsgate.Module{Gateways: []wsgate.Route{
			{Path: "/", New: func() *door { return &door{opened} }},
		}}, wstest.Timeout(time.Minute))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				app.DialNow("/")
			}
		}()
		<-opened
		for _, f := range r.cleanups {
			f()
		}
		<-done
		if r.failure == "" {
			t.Error("it did not fail")
		}
	}
}

type door struct{ opened chan<- struct{} }

func (d *door) OnOpen(context.Context, *wsgate.Conn[struct{}]) error {
	select {
	case d.opened <- struct{}{}:
	default:
	}
	return nil
}
