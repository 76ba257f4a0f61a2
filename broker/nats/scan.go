package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	natsgo "github.com/nats-io/nats.go"
)

// pageRows is how many rows are asked for at a time.
const pageRows = 512

// read returns the rows of a table. It asks the stream below the bucket for batches of messages, which costs one
// question for a small table; the KeyValue of nats.go would make a consumer on the server and remove it again.
func read(ctx context.Context, nc *natsgo.Conn, bucket, table string) (map[string][]byte, error) {
	replies := make(chan *natsgo.Msg, pageRows+1)
	inbox := nc.NewInbox()
	sub, err := nc.ChanSubscribe(inbox, replies)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	p := pages{found: map[string]*natsgo.Msg{}, next: 1}
	for more := true; more; {
		question, err := json.Marshal(map[string]any{
			"seq": p.next, "next_by_subj": "$KV." + bucket + "." + token(table) + ".*", "batch": pageRows,
		})
		if err != nil {
			return nil, err
		}
		if err := nc.PublishRequest("$JS.API.DIRECT.GET.KV_"+bucket, inbox, question); err != nil {
			return nil, err
		}
		if more, err = p.read(ctx, replies); err != nil {
			return nil, err
		}
	}
	return p.rows()
}

// pages are what has been read.
type pages struct {
	found map[string]*natsgo.Msg // by subject: a row that is written meanwhile comes twice
	next  uint64                 // the number in the stream of the first message that has not been read
}

// read reads a page, and reports whether there are more.
func (p *pages) read(ctx context.Context, replies <-chan *natsgo.Msg) (more bool, err error) {
	for {
		select {
		case m := <-replies:
			switch status := m.Header.Get("Status"); status {
			case "":
				if err := p.add(m); err != nil {
					return false, err
				}
			case "204": // the end of a page
				pending, err := number(m, "Nats-Num-Pending")
				return pending > 0, err
			case "404": // there is none
				return false, nil
			case "503": // nobody answers
				return false, errNoBucket
			default:
				return false, fmt.Errorf("the server answers %s %s", status, m.Header.Get("Description"))
			}
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

func (p *pages) add(m *natsgo.Msg) error {
	sequence, err := number(m, "Nats-Sequence")
	if err != nil {
		return err
	}
	if _, err := number(m, "Nats-Num-Pending"); err != nil {
		return fmt.Errorf("the server reads one row at a time, want nats-server 2.11 or newer: %w", err)
	}
	p.found[m.Header.Get("Nats-Subject")] = m
	p.next = sequence + 1
	return nil
}

func number(m *natsgo.Msg, header string) (uint64, error) {
	n, err := strconv.ParseUint(m.Header.Get(header), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the server's answer has the header %s: %w", header, err)
	}
	return n, nil
}

var errForeign = errors.New("the bucket has rows that wsgate has not written: name another one in Options.Bucket")

// rows returns what was found, without the rows that were deleted. What wsgate has not written is left out, unless there
// is nothing else.
func (p *pages) rows() (map[string][]byte, error) {
	rows := make(map[string][]byte, len(p.found))
	foreign := false
	for key, m := range p.found {
		if m.Header.Get("KV-Operation") != "" || m.Header.Get("Nats-Marker-Reason") != "" {
			continue
		}
		row, value, ok := decode(m.Data)
		if ok && strings.HasSuffix(key, "."+token(row)) { // else nobody could delete it by its name
			rows[row] = value
		} else {
			foreign = true
		}
	}
	if foreign && len(rows) == 0 {
		return nil, errForeign
	}
	return rows, nil
}
