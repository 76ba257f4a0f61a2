package main

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/embed" // SQLite itself

	"github.com/wsgate/wsgate"
)

// Store keeps the messages of all rooms in an SQLite database. Its methods may be called from any goroutine.
//
// Of the drivers that need no C compiler this one is the fastest to a first answer: a program with it builds from empty
// caches and starts in 79 s of CPU time, against 109 s with modernc.org/sqlite and 118 s with its own releases after
// v0.32, which are SQLite translated to Go. The price is 1.5 s for compiling SQLite at every start.
type Store struct{ db *sql.DB }

// saveTime bounds one Save, whatever its caller's context says.
const saveTime = 5 * time.Second

const schema = `
CREATE TABLE IF NOT EXISTS rooms (
	name TEXT    PRIMARY KEY,
	last INTEGER NOT NULL, -- seq of the last message
	at   INTEGER NOT NULL  -- when it was said, in milliseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS messages (
	room     TEXT    NOT NULL,
	seq      INTEGER NOT NULL,
	user_id  TEXT    NOT NULL,
	username TEXT    NOT NULL,
	text     TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;`

// OpenStore opens the database file, and makes it and its folder if they are missing. The App closes it after the last
// connection has ended.
func OpenStore(path string, lc *wsgate.Lifecycle) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := driver.Open(path, func(c *sqlite3.Conn) error {
		return c.Exec("PRAGMA journal_mode = wal; PRAGMA synchronous = normal")
	})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // SQLite writes one at a time anyway, and every connection is an SQLite of its own in memory
	if _, err := db.Exec(schema); err != nil {
		db.Close()
		return nil, fmt.Errorf("preparing %s: %w", path, err)
	}
	lc.OnStop(func(context.Context) error { return db.Close() })
	return &Store{db}, nil
}

// Save keeps what somebody says in a room, and returns it with its number and time. It does not give up when ctx is
// cancelled: a message that was accepted is not lost because its sender, or the server, goes away.
func (s *Store) Save(ctx context.Context, room string, from User, text string) (Line, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	line := Line{Room: room, From: from.Username, FromID: from.ID, Text: text}
	line.At = time.Now().UTC().Truncate(time.Millisecond)

	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return Line{}, fmt.Errorf("saving a message: %w", err)
	}
	defer tx.Rollback()
	const count = `INSERT INTO rooms (name, last, at) VALUES (?1, 1, ?2)
		ON CONFLICT (name) DO UPDATE SET last = last + 1, at = ?2 RETURNING last`
	if err := tx.QueryRowContext(ctx, count, room, line.At.UnixMilli()).Scan(&line.Seq); err != nil {
		return Line{}, fmt.Errorf("counting a message: %w", err)
	}
	const add = `INSERT INTO messages (room, seq, user_id, username, text, at) VALUES (?, ?, ?, ?, ?, ?)`
	if _, err := tx.ExecContext(ctx, add, room, line.Seq, from.ID, from.Username, text, line.At.UnixMilli()); err != nil {
		return Line{}, fmt.Errorf("saving a message: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return Line{}, fmt.Errorf("saving a message: %w", err)
	}
	return line, nil
}

// History returns the newest messages of a room with a seq below before, or of all if that is 0; at most limit, oldest
// first.
func (s *Store) History(ctx context.Context, room string, before int64, limit int) ([]Line, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	const newest = `SELECT seq, user_id, username, text, at FROM messages WHERE room = ? AND seq < ? ORDER BY seq DESC LIMIT ?`
	rows, err := s.db.QueryContext(ctx, newest, room, before, limit)
	if err != nil {
		return nil, fmt.Errorf("reading history: %w", err)
	}
	defer rows.Close()
	lines := []Line{} // [] in JSON, not null
	for rows.Next() {
		line, at := Line{Room: room}, int64(0)
		if err := rows.Scan(&line.Seq, &line.FromID, &line.From, &line.Text, &at); err != nil {
			return nil, fmt.Errorf("reading history: %w", err)
		}
		line.At = time.UnixMilli(at).UTC()
		lines = append(lines, line)
	}
	slices.Reverse(lines)
	return lines, rows.Err()
}

// Rooms returns, for the rooms in which something was said last, at most limit, the seq of their last message.
func (s *Store) Rooms(ctx context.Context, limit int) (map[string]int64, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT name, last FROM rooms ORDER BY at DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the rooms: %w", err)
	}
	defer rows.Close()
	last := make(map[string]int64)
	for rows.Next() {
		var name string
		var seq int64
		if err := rows.Scan(&name, &seq); err != nil {
			return nil, fmt.Errorf("reading the rooms: %w", err)
		}
		last[name] = seq
	}
	return last, rows.Err()
}
