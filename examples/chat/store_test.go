package main_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgate/wsgate"
	chat "github.com/wsgate/wsgate/examples/chat"
)

// openStore returns the store of a chat that does not serve, and what closes it.
func openStore(t *testing.T, db string) (*chat.Store, func()) {
	t.Helper()
	app := newApp(t, db)
	var store *chat.Store
	if err := app.Invoke(func(s *chat.Store) { store = s }); err != nil {
		t.Fatal(err)
	}
	return store, func() { shutdown(t, app) }
}

var ann = chat.User{ID: "1", Username: "Ann"}

func save(t *testing.T, store *chat.Store, room, text string) chat.Line {
	t.Helper()
	line, err := store.Save(t.Context(), room, ann, text)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func history(t *testing.T, store *chat.Store, room string, limit int) []chat.Line {
	t.Helper()
	lines, err := store.History(t.Context(), room, 0, limit)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestStoreKeepsWhatWasSaid(t *testing.T) {
	db := filepath.Join(t.TempDir(), "new folder", "it's a chat?.db")
	store, closeStore := openStore(t, db)
	before := time.Now().Add(-time.Second)
	want := []chat.Line{
		save(t, store, "general", "one"),
		save(t, store, "general", `'; DROP TABLE messages; --`),
		save(t, store, "general", "three \x00 \U0001F600"),
	}
	other := save(t, store, "other", "one")
	for i, line := range append(slices.Clone(want), other) {
		if line.From != "Ann" || line.FromID != "1" || line.At.Before(before) || line.At.After(time.Now()) {
			t.Errorf("line %d: %+v", i, line)
		}
		if seq := int64(i%3 + 1); line.Seq != seq {
			t.Errorf("line %d of its room has seq %d, want %d", i, line.Seq, seq)
		}
	}
	closeStore()
	if _, err := store.Save(t.Context(), "general", ann, "too late"); err == nil {
		t.Error("a closed store saved something")
	}

	store, _ = openStore(t, db)
	if diff := cmp.Diff(want, history(t, store, "general", 10)); diff != "" {
		t.Errorf("history after reopening (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:], history(t, store, "general", 2)); diff != "" {
		t.Errorf("the newest two (-want +got):\n%s", diff)
	}
	if line := save(t, store, "general", "four"); line.Seq != 4 {
		t.Errorf("the fourth line has seq %d", line.Seq)
	}
	rooms, err := store.Rooms(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"general": 4, "other": 1}, rooms); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
	if lines := history(t, store, "empty", 10); lines == nil || len(lines) != 0 {
		t.Errorf("history of an empty room: %#v, want an empty list", lines)
	}
}

func TestStoreLimitsTheRooms(t *testing.T) {
	store, _ := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	for i := range 5 {
		save(t, store, fmt.Sprint("room ", i), "hello")
	}
	rooms, err := store.Rooms(t.Context(), 3)
	if err != nil || len(rooms) != 3 {
		t.Errorf("%v, %v, want 3 rooms", rooms, err)
	}
}

// A shutdown cancels the contexts of handlers. What they are saving is saved.
func TestStoreSavesForACancelledContext(t *testing.T) {
	store, _ := openStore(t, filepath.Join(t.TempDir(), "chat.db"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	line, err := store.Save(ctx, "general", ann, "last words")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]chat.Line{line}, history(t, store, "general", 10)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestStoreThatCannotBeOpened(t *testing.T) {
	if _, err := chat.NewApp(t.TempDir(), wsgate.Options{}); err == nil {
		t.Error("a folder was opened as a database")
	}
}

// The nodes of one machine have one file. SQLite's locks are between openings of a file, whatever their processes.
func TestStoresShareAFile(t *testing.T) {
	const stores, each = 3, 50
	db := filepath.Join(t.TempDir(), "chat.db")
	var all sync.WaitGroup
	for i := range stores {
		store, _ := openStore(t, db)
		all.Go(func() {
			for n := range each {
				if _, err := store.Save(t.Context(), "general", ann, fmt.Sprint(i, " ", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	store, _ := openStore(t, db)
	lines := history(t, store, "general", 2*stores*each)
	if len(lines) != stores*each {
		t.Fatalf("%d lines are kept, want %d", len(lines), stores*each)
	}
	next := make(map[string]int) // by store
	for i, line := range lines {
		from, text, _ := strings.Cut(line.Text, " ")
		if line.Seq != int64(i+1) || text != fmt.Sprint(next[from]) {
			t.Fatalf("line %d is %+v", i+1, line)
		}
		next[from]++
	}
}
