package redis_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/wsgate/wsgate/broker/redis"
)

// TestOldRows has rows in a table that nobody has written for long, beside one that was written just now.
func TestOldRows(t *testing.T) {
	server := startServer(t)
	b := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	ctx := context.Background()
	now := time.Now()
	server.do(t, "HSET", "wsgate:table",
		"old", redis.Seal("2", now.Add(-time.Second)), "young", redis.Seal("3", now.Add(time.Minute)), "foreign", "4",
		"eternal", redis.Seal("5", now.Add(100*365*24*time.Hour)), "foreign text", "of more than eight bytes")
	server.do(t, "PEXPIRE", "wsgate:table", "1000000")
	if err := b.Update(ctx, "table", map[string][]byte{"new": []byte("1")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		rows, err := b.Rows(ctx, "table")
		if err != nil || len(rows) != 2 || string(rows["new"]) != "1" || string(rows["young"]) != "3" {
			t.Errorf("Rows: got %q and %v, want new and young", rows, err)
		}
	}
	if n := server.do(t, "HLEN", "wsgate:table"); n != "2" {
		t.Errorf("got %s fields, want 2: what is old does not stay", n)
	}
	left, err := strconv.Atoi(server.do(t, "PTTL", "wsgate:table"))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Duration(left) * time.Millisecond; left <= time.Hour || left > 24*time.Hour {
		t.Errorf("the table ends in %v, want more than an hour, and not for ever", left)
	}
}

func TestStoreContext(t *testing.T) {
	server := startServer(t)
	proxy := startProxy(t, server.addr)
	b := connect(t, proxy.url(), nil, calm)
	watch(t, b).up(t)
	proxy.hold()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.Rows(ctx, "table"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Rows: got %v, want the end of the context", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := b.Update(ctx, "table", map[string][]byte{"row": {}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Update: got %v, want the end of the context", err)
	}
	proxy.release()
	if _, err := b.Rows(context.Background(), "table"); err != nil {
		t.Errorf("Rows: got %v, want no error, since the server answers again", err)
	}
}

// TestRefusedUpdate has the server refuse what a table needs.
func TestRefusedUpdate(t *testing.T) {
	server := startServer(t)
	b := connect(t, server.url(), nil, redis.Tuning{})
	watch(t, b).up(t)
	server.do(t, "SET", "wsgate:table", "a string")
	ctx := context.Background()
	if err := b.Update(ctx, "table", map[string][]byte{"row": {}}); err == nil {
		t.Error("Update: got no error, want one since the key is no hash")
	}
	if _, err := b.Rows(ctx, "table"); err == nil {
		t.Error("Rows: got no error, want one since the key is no hash")
	}
}
