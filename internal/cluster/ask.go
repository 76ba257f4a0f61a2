package cluster

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"
)

// askWithin bounds the wait for answers in addition to the context.
const askWithin = 5 * time.Second

// requests holds the requests that await answers.
type requests struct {
	mu      sync.Mutex // guards following, and the fields of questions
	next    uint64
	waiting map[uint64]*question
}

type question struct {
	open     []string // nodes that have not yet answered
	yes      bool     // one has answered yes
	complete chan struct{}
}

// SilentError names the nodes that did not answer in time.
type SilentError struct{ Nodes []string }

func (e *SilentError) Error() string { return strings.Join(e.Nodes, ", ") }

// Request sends a request to all other nodes and waits for their answers, or until one of them is yes. The error is that
// of publishing, or a *SilentError. A node that dies meanwhile counts as silent.
func (n *Node) Request(ctx context.Context, body []byte) (yes bool, err error) {
	peers := n.Peers()
	q := &question{open: peers, complete: make(chan struct{})}
	a := &n.requests
	a.mu.Lock()
	a.next++
	id := a.next
	if a.waiting == nil {
		a.waiting = map[uint64]*question{}
	}
	a.waiting[id] = q
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, id)
	}()
	err = n.Publish(nodesTopic, ask, func(b []byte) []byte {
		return append(binary.AppendUvarint(b, id), body...)
	})
	if err != nil || len(peers) == 0 {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	select {
	case <-q.complete:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if q.yes || len(q.open) == 0 {
		return q.yes, nil
	}
	return false, &SilentError{Nodes: slices.Clone(q.open)} // a late answer changes open
}

// answer handles a request and answers it.
func (n *Node) answer(m Message) {
	id, size := binary.Uvarint(m.Body)
	yes, ok := false, size > 0
	if ok {
		yes, ok = n.loop.events.OnRequest(m.Body[size:])
	}
	if !ok {
		n.Drop(Invalid)
		return
	}
	_ = n.Publish(nodeTopic(m.Node), answer, func(b []byte) []byte {
		b = binary.AppendUvarint(b, id)
		if yes {
			b = append(b, answerYes)
		}
		return b
	}) // if the message broker is away, the requester notices
}

// answerYes stands behind the id in an answer that is yes. Nodes that answer with the id alone say no.
const answerYes = 1

// answered records a node's answer.
func (a *requests) answered(node string, body []byte) {
	id, size := binary.Uvarint(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.waiting[id]
	if q == nil {
		return // too late
	}
	q.open = slices.DeleteFunc(q.open, func(open string) bool { return open == node })
	q.yes = q.yes || size > 0 && len(body) > size && body[size] == answerYes
	if q.yes || len(q.open) == 0 {
		select {
		case <-q.complete:
		default:
			close(q.complete)
		}
	}
}
