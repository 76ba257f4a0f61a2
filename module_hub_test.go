package wsgate_test

import (
	"sync"
	"testing"

	"github.com/wsgate/wsgate"
)

// A constructor may hand the hub to a goroutine that begins at once.
func TestHubIsUsedWhileTheAppIsBuilt(t *testing.T) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	begun := make(chan struct{})
	m := &wsgate.Module{Provide: []any{func(h *wsgate.Hub) *disk {
		wg.Go(func() {
			for first := true; ; first = false {
				sayText.Emit(h, "x")
				sayText.Emit(h.At("/t"), "x")
				for range h.Conns() {
					h.Len()
				}
				if first {
					close(begun)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		<-begun
		return &disk{}
	}}}
	for i := range 20 {
		m.Gateways = append(m.Gateways, routeTo("/"+string(rune('a'+i)), &eventGateway{}))
	}
	app := newAppOf(t, nil, m)
	close(stop)
	wg.Wait()
	dialed(t, app, "/a")
}

func TestHubInAConstructor(t *testing.T) {
	m := gatewayAt("/chat/{room}", newFine)
	m.Provide = []any{func(h *wsgate.Hub) *disk {
		if n := h.Len(); n != 0 {
			t.Errorf("%d connections before there is an App", n)
		}
		if err := sayText.Emit(h, "x"); err != nil { // reaches nobody
			t.Error(err)
		}
		if err := sayText.Emit(h.At("/chat/{room}"), "x"); err != nil {
			t.Errorf("the path is known before the gateways are built: %v", err)
		}
		if err := sayText.Emit(h.At("/nowhere"), "x"); err == nil {
			t.Error("Emit to a path that no route has returned nil")
		} else {
			checkText(t, wellFormed(t, err), `"/nowhere"`, "/chat/{room}")
		}
		return &disk{}
	}}
	newAppOf(t, nil, m)
}
