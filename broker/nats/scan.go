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

// pageRows is the number of rows requested at a time.
const pageRows = 512

// read returns the rows of a table. It requests batches of messages from the stream behind the bucket, which takes one
// request for a small table; nats.go's KeyValue would create and delete a consumer on the server.
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

// pages holds the rows read so far.
type pages struct {
	found map[string]*natsgo.Msg // by subject: a row written during the scan occurs twice
	next  uint64                 // stream sequence of the first unread message
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
			case "404": // no message
				return false, nil
			case "503": // no responders
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

// rows returns the rows found, without deleted ones. It skips rows that wsgate has not written; if there are only such
// rows, it returns errForeign.
func (p *pages) rows() (map[string][]byte, error) {
	rows := make(map[string][]byte, len(p.found))
	foreign := false
	for key, m := range p.found {
		if m.Header.Get("KV-Operation") != "" || m.Header.Get("Nats-Marker-Reason") != "" {
			continue
		}
		row, value, ok := decode(m.Data)
		if ok && strings.HasSuffix(key, "."+token(row)) { // otherwise it could not be deleted by name
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
