package redis

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// rowLife is how long a row is kept after it was written. The clocks of two nodes may differ by an hour.
const rowLife = 2 * time.Hour

// Update implements [wsgate.PresenceStore].
func (b *Broker) Update(ctx context.Context, table string, rows map[string][]byte) error {
	key := b.prefix + table
	var gone, written []string
	for row, value := range rows {
		if value == nil {
			gone = append(gone, row)
		} else {
			written = append(written, row, seal(value, time.Now().Add(rowLife)))
		}
	}
	_, err := b.do(ctx, key, func(build rueidis.Builder) (commands rueidis.Commands) {
		if len(gone) > 0 {
			commands = append(commands, build.Hdel().Key(key).Field(gone...).Build())
		}
		if len(written) > 0 {
			commands = append(commands,
				build.Arbitrary("HSET").Keys(key).Args(written...).Build(),
				build.Pexpire().Key(key).Milliseconds(rowLife.Milliseconds()).Build())
		}
		return commands
	})
	return err
}

// Rows implements [wsgate.PresenceStore].
func (b *Broker) Rows(ctx context.Context, table string) (map[string][]byte, error) {
	key := b.prefix + table
	results, err := b.do(ctx, key, func(build rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{build.Hgetall().Key(key).Build()}
	})
	if err != nil {
		return nil, err
	}
	fields, err := results[0].AsStrMap()
	if err != nil {
		return nil, err
	}
	rows := make(map[string][]byte, len(fields))
	var old []string
	for row, sealed := range fields {
		if value, ok := unseal(sealed, time.Now()); ok {
			rows[row] = value
		} else {
			old = append(old, row, sealed)
		}
	}
	if len(old) > 0 {
		b.purge(ctx, key, old)
	}
	return rows, nil
}

// A hash expires with its youngest field, so each field starts with its own expiry time.
func seal(value []byte, until time.Time) string {
	sealed := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(until.UnixMilli()))
	return string(append(sealed, value...))
}

func unseal(sealed string, now time.Time) (value []byte, ok bool) {
	if len(sealed) < 8 {
		return nil, false
	}
	b := []byte(sealed)
	left := time.UnixMilli(int64(binary.BigEndian.Uint64(b))).Sub(now)
	return b[8:], left > 0 && left <= 2*rowLife // otherwise it was written with a wrong clock, and would stay too long
}

// unchanged deletes the fields of a hash that still have the value that was read.
const unchanged = `for i = 1, #ARGV, 2 do
	if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i+1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end`

// purge deletes expired rows. If it fails, a later reader does so.
func (b *Broker) purge(ctx context.Context, key string, old []string) {
	_, _ = b.do(ctx, key, func(build rueidis.Builder) rueidis.Commands {
		return rueidis.Commands{build.Eval().Script(unchanged).Numkeys(1).Key(key).Arg(old...).Build()}
	})
}

// do sends commands for one key to its server, and returns the first error. If the key's slot has moved, it queries the
// layout.
func (b *Broker) do(
	ctx context.Context, key string, commands func(rueidis.Builder) rueidis.Commands,
) (results []rueidis.RedisResult, err error) {
	for range 3 {
		results, err = b.try(ctx, key, commands)
		if reply, ok := rueidis.IsRedisErr(err); !ok {
			return results, err
		} else if _, moved := reply.IsMoved(); !moved || !b.survey.wait(ctx) {
			break
		}
	}
	if strings.HasPrefix(err.Error(), "NOPERM") {
		err = fmt.Errorf("the server's user may not use a command or key that presence needs: give it the rights that the "+
			"documentation of package broker/redis lists: %w", err)
	}
	return nil, fmt.Errorf("wsgate/redis: %w", err)
}

func (b *Broker) try(
	ctx context.Context, key string, commands func(rueidis.Builder) rueidis.Commands,
) ([]rueidis.RedisResult, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := b.linkFor(key)
	if err != nil {
		return nil, err
	}
	results := l.server.client.DoMulti(ctx, commands(l.server.client.B())...)
	for _, result := range results {
		switch err := result.Error(); {
		case err == nil:
		case isReply(err), ctx.Err() != nil:
			return nil, err
		default:
			return nil, l.server.explain(err)
		}
	}
	return results, nil
}
