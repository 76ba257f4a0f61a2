package nats

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	keep   = time.Hour // how long a row is kept
	atOnce = 64        // rows that Update writes concurrently
)

// Update implements [wsgate.PresenceStore].
func (b *Broker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	err := b.withRows(ctx, func(ctx context.Context, kv jetstream.KeyValue, _ *natsgo.Conn) error {
		return update(ctx, kv, table, rows)
	})
	if err != nil {
		return fmt.Errorf("wsgate/nats: writing table %q: %w", table, err)
	}
	return nil
}

// Rows implements [wsgate.PresenceStore].
func (b *Broker) Rows(ctx context.Context, table string) (rows map[string][]byte, err error) {
	err = b.withRows(ctx, func(ctx context.Context, _ jetstream.KeyValue, nc *natsgo.Conn) (err error) {
		rows, err = read(ctx, nc, b.bucket, table)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("wsgate/nats: reading table %q: %w", table, err)
	}
	return rows, nil
}

// withRows calls f with the bucket, and once more if the bucket was deleted.
func (b *Broker) withRows(ctx context.Context, f func(context.Context, jetstream.KeyValue, *natsgo.Conn) error) error {
	s, err := b.online()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })()
	for range 2 {
		var kv jetstream.KeyValue
		if kv, err = s.open(ctx, b.bucket); err == nil {
			err = f(ctx, kv, s.nc)
		}
		if !errors.Is(err, errNoBucket) {
			break
		}
		s.rows.Store(nil)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

var errNoBucket = errors.New("the bucket is gone")

// open returns the bucket, creating it if needed.
func (s *session) open(ctx context.Context, name string) (jetstream.KeyValue, error) {
	if kv := s.rows.Load(); kv != nil {
		return *kv, nil
	}
	js, err := jetstream.New(s.nc)
	if err != nil {
		return nil, err
	}
	kv, err := js.KeyValue(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: name, Description: "presence of wsgate", TTL: keep, History: 1, Storage: jetstream.MemoryStorage,
		})
	}
	if errors.Is(err, jetstream.ErrBucketExists) { // another node has created it with other settings
		kv, err = js.KeyValue(ctx, name)
	}
	switch {
	case errors.Is(err, natsgo.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return nil, fmt.Errorf("the server has no JetStream, which presence needs: start it with nats-server -js, or have "+
			"jetstream in its configuration, and for the account if it has accounts: %w", err)
	case err != nil:
		return nil, fmt.Errorf("opening the bucket %q: %w", name, err)
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket %q: %w", name, err)
	}
	if ttl := status.TTL(); ttl > 0 && ttl < keep {
		return nil, fmt.Errorf("have the bucket %q, which keeps a row for %v, want at least %v: edit or delete it, or name "+
			"another one in Options.Bucket", name, ttl, keep)
	}
	s.rows.Store(&kv)
	return kv, nil
}

// update writes rows, several of them concurrently.
func update(ctx context.Context, kv jetstream.KeyValue, table string, rows map[string][]byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var writing sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for row, value := range rows {
		free <- struct{}{}
		writing.Go(func() {
			defer func() { <-free }()
			if err := write(ctx, kv, table, row, value); err != nil {
				cancel(err)
			}
		})
	}
	writing.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func write(ctx context.Context, kv jetstream.KeyValue, table, row string, value []byte) (err error) {
	key := token(table) + "." + token(row)
	if value == nil {
		err = kv.Delete(ctx, key)
	} else {
		_, err = kv.Put(ctx, key, encode(row, value))
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return errNoBucket
	}
	return err
}

// token returns the key token for a name. Names may exceed NATS's limit for a protocol line, and have dots that would
// be confused with the separators of keys.
func token(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// encode prefixes the value with the row's name, which cannot be derived from the key.
func encode(row string, value []byte) []byte {
	data := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen32+len(row)+len(value)), uint64(len(row)))
	data = append(data, row...)
	return append(data, value...)
}

func decode(data []byte) (row string, value []byte, ok bool) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return "", nil, false
	}
	end := n + int(size)
	return string(data[n:end]), data[end:], true
}
