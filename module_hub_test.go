package wsgate_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
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
				user, room := h.User("ann"), h.At("/t").Room("x")
				sayText.Emit(user, "x")
				sayText.Emit(user.At("/t"), "x")
				user.Len()
				user.Disconnect(context.Background(), 4000, "")
				room.Disconnect(context.Background(), 4000, "")
				wsgate.Count(context.Background(), room)
				wsgate.Members[string](context.Background(), room)
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
		m.Gateways = append(m.Gateways, kit.RouteTo("/"+string(rune('a'+i)), &trackedGateway{}))
	}
	app := kit.NewAppOf(t, nil, m)
	close(stop)
	wg.Wait()
	kit.Dialed(t, app, "/a")
}

// trackedGateway has users, who are tracked.
type trackedGateway struct{}

func (*trackedGateway) OnUpgrade(*http.Request) (seated, error) { return seated{}, nil }

func (*trackedGateway) Events() wsgate.Events[seated] {
	return wsgate.Events[seated]{wsgate.Track(wsgate.Event[wsgate.Presence[string]]("people"), func(*wsgate.Conn[seated], string) (string, bool) { return "", true })}
}

// seated is somebody's data.
type seated struct{}

func (seated) UserID() string { return "ann" }

// While New runs, a hub has the rooms that will be, in which nobody is, and knows the users, and says that it cannot know
// yet who is present.
func TestHubBeforeTheAppIsBuilt(t *testing.T) {
	var hub *wsgate.Hub
	m := &wsgate.Module{
		Provide: []any{func(h *wsgate.Hub) *disk {
			hub = h
			if err := sayText.Emit(h.User("ann"), "x"); err != nil {
				t.Error(err)
			}
			if n := h.User("ann").Len(); n != 0 {
				t.Errorf("%d connections before there is an App", n)
			}
			if err := h.User("ann").Disconnect(t.Context(), 4000, ""); err != nil {
				t.Error(err)
			}
			n, err := wsgate.Count(t.Context(), h.At("/a").Room("x"))
			if n != 0 || err == nil || !strings.Contains(err.Error(), "before New has returned") {
				t.Errorf("Count: got %d, %v", n, err)
			}
			members, err := wsgate.Members[string](t.Context(), h.At("/a").Room("x"))
			if members != nil || err == nil || !strings.Contains(err.Error(), "before New has returned") {
				t.Errorf("Members: got %v, %v", members, err)
			}
			return &disk{}
		}},
		Gateways: []wsgate.Route{kit.RouteTo("/a", &trackedGateway{})},
	}
	kit.NewAppOf(t, nil, m)
	if n, err := wsgate.Count(t.Context(), hub.At("/a").Room("x")); n != 0 || err != nil {
		t.Errorf("Count afterwards: got %d, %v", n, err)
	}
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
			kit.CheckText(t, kit.WellFormed(t, err), `"/nowhere"`, "/chat/{room}")
		}
		return &disk{}
	}}
	kit.NewAppOf(t, nil, m)
}
