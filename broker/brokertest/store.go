package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/wsgate/wsgate"
)

// testStore tests the tables of a broker that is a PresenceStore.
func testStore(t *testing.T, c Config) {
	if _, ok := c.New(t).(wsgate.PresenceStore); !ok {
		t.Skip("the broker is no wsgate.PresenceStore, so nothing was tested")
	}
	t.Run("rows", func(t *testing.T) { testRows(t, c) })
	t.Run("values", func(t *testing.T) { testValues(t, c) })
	t.Run("names that look alike", func(t *testing.T) { testNamesAlike(t, c) })
	t.Run("many rows at once", func(t *testing.T) { testManyRows(t, c) })
	t.Run("updates at once", func(t *testing.T) { testUpdatesAtOnce(t, c) })
	t.Run("with a context that has ended", func(t *testing.T) { testStoreEndedContext(t, c) })
	t.Run("during an outage", func(t *testing.T) { testStoreAway(t, c) })
	t.Run("an App that tracks", func(t *testing.T) { testTracking(t, c) })
}

// stores returns the stores of some nodes.
func (c Config) stores(t testing.TB, n int) []wsgate.PresenceStore {
	t.Helper()
	stores := make([]wsgate.PresenceStore, n)
	for i, b := range c.nodes(t, n) {
		stores[i] = b.(wsgate.PresenceStore)
	}
	return stores
}

// rows are what a test writes: a value of nil deletes.
type rows map[string][]byte

func update(t testing.TB, s wsgate.PresenceStore, table string, changes rows) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Update(ctx, table, changes); err != nil {
		t.Fatalf("Update(%s): got the error %q, want none", shown(table), err)
	}
}

// expectRows reads a table, which must have exactly these rows.
func expectRows(t testing.TB, s wsgate.PresenceStore, table string, want rows) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := s.Rows(ctx, table)
	if err != nil {
		t.Fatalf("Rows(%s): got the error %q, want none", shown(table), err)
	}
	for row, value := range want {
		if have, ok := got[row]; !ok || !bytes.Equal(have, value) {
			t.Errorf("table %s, row %s: got %s (there: %v), want %s", shown(table), shown(row), shown(string(have)), ok, shown(string(value)))
		}
	}
	for row := range got {
		if _, ok := want[row]; !ok {
			t.Errorf("table %s: got row %s, want none of that name", shown(table), shown(row))
		}
	}
}

func testRows(t *testing.T, c Config) {
	stores := c.stores(t, 2)
	steps := []struct {
		name          string
		changes, want rows
	}{
		{"nobody wrote", nil, rows{}},
		{"write", rows{"a": []byte("1"), "b": []byte("2")}, rows{"a": []byte("1"), "b": []byte("2")}},
		{"overwrite", rows{"a": []byte("3")}, rows{"a": []byte("3"), "b": []byte("2")}},
		{"delete", rows{"b": nil}, rows{"a": []byte("3")}},
		{"delete again", rows{"b": nil}, rows{"a": []byte("3")}},
		{"delete what never was", rows{"c": nil}, rows{"a": []byte("3")}},
		{"nothing", rows{}, rows{"a": []byte("3")}},
		{"both", rows{"a": nil, "b": []byte("4"), "d": []byte("5")}, rows{"b": []byte("4"), "d": []byte("5")}},
		{"delete all", rows{"b": nil, "d": nil}, rows{}},
		{"write again", rows{"b": []byte("6")}, rows{"b": []byte("6")}},
		{"clean up", rows{"b": nil}, rows{}},
	}
	for i, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			if step.changes != nil {
				update(t, stores[i%2], "steps", step.changes)
			}
			for _, s := range stores {
				expectRows(t, s, "steps", step.want)
			}
		})
	}
}

func testValues(t *testing.T, c Config) {
	stores := c.stores(t, 2)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	want := rows{
		"empty": {}, "zero": {0}, "every": every, "lines": []byte("\r\n+OK\r\n"), "large": bytes.Repeat(every, 256),
	}
	update(t, stores[0], "values", want)
	expectRows(t, stores[1], "values", want)
	got, err := stores[1].Rows(context.Background(), "values")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range got {
		clear(value) // a reader may overwrite its copy
	}
	for _, s := range stores {
		expectRows(t, s, "values", want)
	}
	every[0] = 'x' // so may a writer
	expectRows(t, stores[1], "values", rows{
		"empty": {}, "zero": {0}, "every": append([]byte{0}, every[1:]...), "lines": want["lines"], "large": want["large"],
	})
}

// testNamesAlike uses names that message brokers could confuse, as tables and as rows.
func testNamesAlike(t *testing.T, c Config) {
	stores := c.stores(t, 2)
	names := alike()
	want := map[string]rows{}
	for i, table := range names {
		want[table] = rows{}
		for j, row := range names {
			if j%7 == i%7 { // other rows in each table, and every name as a row
				want[table][row] = []byte(fmt.Sprint(i, " ", j))
			}
		}
		update(t, stores[0], table, want[table])
	}
	for _, table := range names {
		expectRows(t, stores[1], table, want[table])
	}
}

func testManyRows(t *testing.T, c Config) {
	stores := c.stores(t, 2)
	want, none := rows{}, rows{}
	for i := range 1000 {
		row := fmt.Sprint("row.", i)
		want[row], none[row] = []byte(row), nil
	}
	update(t, stores[0], "many", want)
	expectRows(t, stores[1], "many", want)
	update(t, stores[1], "many", none)
	expectRows(t, stores[0], "many", rows{})
}

// testUpdatesAtOnce writes rows of the same table from goroutines of two nodes.
func testUpdatesAtOnce(t *testing.T, c Config) {
	const writers, each = 8, 20
	stores := c.stores(t, 2)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	want := rows{}
	var running sync.WaitGroup
	for w := range writers {
		own, last := fmt.Sprint("own.", w), fmt.Appendf(nil, "%d", each-1)
		want[own] = last
		running.Go(func() {
			for i := range each {
				changes := rows{own: fmt.Appendf(nil, "%d", i), fmt.Sprint("brief.", w): nil}
				if i%2 == 0 {
					changes[fmt.Sprint("brief.", w)] = []byte("here")
				}
				if err := stores[w%2].Update(ctx, "together", changes); err != nil {
					t.Errorf("Update: got the error %q, want none", err)
				}
				if got, err := stores[(w+i)%2].Rows(ctx, "together"); err != nil {
					t.Errorf("Rows: got the error %q, want none", err)
				} else if !bytes.Equal(got[own], changes[own]) {
					t.Errorf("row %s: got %q, want %q, which Update has written", own, got[own], changes[own])
				}
			}
		})
	}
	running.Wait()
	expectRows(t, stores[0], "together", want)
}

func testStoreEndedContext(t *testing.T, c Config) {
	s := c.stores(t, 1)[0]
	update(t, s, "context", rows{"before": []byte("1")})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Update(ctx, "context", rows{"after": []byte("2")}); err == nil {
		t.Error("Update: got no error, want one since the context has ended")
	}
	if _, err := s.Rows(ctx, "context"); err == nil {
		t.Error("Rows: got no error, want one since the context has ended")
	}
	update(t, s, "context", rows{"before": []byte("3"), "after": nil})
	expectRows(t, s, "context", rows{"before": []byte("3")})
}

func testStoreAway(t *testing.T, c Config) {
	if c.Stop == nil || c.Start == nil {
		t.Skip("Config has no Stop and Start, so nothing was tested")
	}
	b := c.node(t)
	s, watcher := b.(wsgate.PresenceStore), watch(t, b)
	update(t, s, "away", rows{"before": []byte("1")})
	end := c.outage(t)
	watcher.down(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	within(t, soon, "Update and Rows", func() {
		if err := s.Update(ctx, "away", rows{"lost": []byte("2")}); err == nil {
			t.Error("Update: got no error while the engine is away, want one")
		}
		if _, err := s.Rows(ctx, "away"); err == nil {
			t.Error("Rows: got no error while the engine is away, want one")
		}
	})
	end()
	watcher.up(t)
	want := rows{"a": []byte("3"), "b": []byte("4")}
	update(t, s, "back", want)
	expectRows(t, s, "back", want)
	expectRows(t, c.stores(t, 1)[0], "back", maps.Clone(want))
}

// tracking is a gateway with presence.
type tracking struct{}

type user string

func (u user) UserID() string { return string(u) }

func (tracking) Events() wsgate.Events[user] {
	return wsgate.Events[user]{
		wsgate.Track("people", func(*wsgate.Conn[user], string) (string, bool) { return "", true }),
	}
}

// testTracking starts an App, which checks the store and does not start if it fails.
func testTracking(t *testing.T, c Config) {
	app, err := wsgate.New(&wsgate.Module{
		Gateways: []wsgate.Route{{Path: "/", New: func() *tracking { return new(tracking) }}},
	}, &wsgate.Options{Broker: c.node(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := app.Start(ctx); err != nil {
		t.Errorf("App.Start: got the error %q, want none", err)
	}
	if err := app.Ready(); err != nil {
		t.Errorf("App.Ready: got the error %q, want none", err)
	}
	if err := app.Shutdown(ctx); err != nil {
		t.Errorf("App.Shutdown: got the error %q, want none", err)
	}
}
