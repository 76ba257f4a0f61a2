package wiring_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/wsgate/wsgate"
	"github.com/wsgate/wsgate/internal/test/kit"
)

func TestInvoke(t *testing.T) {
	app := kit.NewAppOf(t, nil, &wsgate.Module{
		Provide:  []any{newDisk},
		Private:  []any{newCache},
		Gateways: []wsgate.Route{{Path: "/", New: newFine}},
	})
	var got *disk
	if err := app.Invoke(func(d *disk, h *wsgate.Hub, l *slog.Logger) {
		if h != app.Hub() || l == nil {
			t.Errorf("got hub %p and logger %p", h, l)
		}
		got = d
	}); err != nil || got == nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := app.Invoke(func(d *disk) error {
		if d != got {
			t.Error("got another service")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := app.Invoke(func(*disk) error { return fmt.Errorf("wiring: %w", errOfService) }); !errors.Is(err, errOfService) || err.Error() != "wiring: the disk is full" {
		t.Errorf("got %v, want the function's own error", err)
	}
	var missing func()
	for _, test := range []struct {
		name string
		fn   any
		want []string
	}{
		{"missing", func(*hen) error { return nil }, []string{"App.Invoke", "*wiring_test.hen", "invoke_test.go:"}},
		{"private", func(*cache) {}, []string{"App.Invoke", "*wiring_test.cache", "invoke_test.go:"}},
		{"value for pointer", func(disk) {}, []string{"App.Invoke", "wiring_test.disk", "*wiring_test.disk"}},
		{"nil", nil, []string{"App.Invoke", "nil", "want func"}},
		{"nil function", missing, []string{"App.Invoke", "nil", "want func"}},
		{"no function", "text", []string{"App.Invoke", "have string", "want func"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if v := recover(); v != nil {
					t.Fatalf("Invoke panicked: %v", v)
				}
			}()
			kit.CheckText(t, kit.WellFormed(t, app.Invoke(test.fn)), test.want...)
		})
	}
}

// The function that Invoke calls may call it as well, also on other goroutines that it waits for.
func TestInvokeInInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := kit.NewAppOf(t, nil, &wsgate.Module{Provide: []any{newDisk}})
		calls := 0
		if err := app.Invoke(func(d *disk, _ ...int) error {
			calls++
			done := make(chan error)
			go func() {
				done <- app.Invoke(func(other *disk) error {
					if calls++; other != d {
						t.Error("got another service")
					}
					return errOfService
				})
			}()
			return errors.Join(<-done, app.Invoke(func(*disk) (int, *noError) { calls++; return 1, nil }))
		}); !errors.Is(err, errOfService) || calls != 3 {
			t.Errorf("got %v after %d calls", err, calls)
		}
	})
}

type noError struct{}

func (*noError) Error() string { return "no error" }
