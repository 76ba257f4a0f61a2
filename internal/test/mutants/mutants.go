package main

// A mutant is a fault put into the library on purpose.
type mutant struct {
	name     string
	file     string
	old, new string // old stands in the file once
	tests    string // packages that should notice; flags of go test stand before them
}

const (
	core        = ". ./internal/hub ./internal/wiring ./internal/test/nodes ./internal/transport" // whole Apps
	conformance = "./internal/test/conformance"
	abuse       = "./internal/test/abuse"
	lifecycle   = "./internal/test/lifecycle"
	nodes       = "./internal/cluster ./internal/test/nodes"
	presence    = "./internal/presence"
	queues      = "./internal/fair"
	routers     = "./internal/test/routers"
)

var mutants = []mutant{
	// Input.
	{"text is not checked for UTF-8", "internal/transport/conn.go", `typ == websocket.MessageText && !text.Valid(data)`, `typ == 99 && !text.Valid(data)`, conformance},
	{"a message may be a byte longer than the limit", "internal/transport/meter.go", `m.payload > uint64(m.limits.Message)`, `m.payload > uint64(m.limits.Message)+1`, core + " " + abuse},
	{"a message may come in one frame more than the limit", "internal/transport/meter.go", `m.frames > m.limits.Frames`, `m.frames > m.limits.Frames+1`, core + " " + abuse},
	{"the bytes of a message on the wire are not bounded", "internal/transport/meter.go", `m.payload+uint64(m.wire) > uint64(m.limits.Wire)`, `false`, core + " " + abuse},
	{"unmasked frames are taken", "internal/transport/meter.go", `m.header[1]&maskBit == 0 {`, `false {`, conformance + " " + core},
	{"control frames are not limited", "internal/transport/meter.go", `if m.rates.control.Add(m.limits.ControlRate, m.arrived()) > 0 {`, `if m.rates.control.Add(m.limits.ControlRate, m.arrived()) > 1e18 {`, core + " " + abuse},
	{"a message may take for ever to arrive", "internal/transport/input.go", `in.since.IsZero() && !in.deadline {`, `true {`, core},
	{"a client that always has more to send keeps its processor", "internal/transport/input.go", `runtime.Gosched()`, `_ = runtime.Gosched`, core},
	{"a message is a part of the pooled buffer", "internal/transport/plain.go", `data := make([]byte, length)`, `data := held[header : header+length : header+length]`, core + " " + conformance},
	{"the fast path takes compressed messages as they are", "internal/transport/plain.go", `if opcode < opClose && c.in.meter.nextPacked() {`, `if false {`, conformance},
	{"the fast path takes frames whose last bytes are missing", "internal/transport/plain.go", `if len(held) < header+length {`, `if length = min(length, len(held)-header); len(held) < header {`, conformance},
	{"what is inflated is not bounded", "internal/transport/conn.go", `frame.Inflate(data, c.limits.Message)`, `frame.Inflate(data, 1<<40)`, conformance + " " + abuse},
	{"messages after a close frame was sent are handled", "internal/transport/conn.go", "if c.closing() {\n\t\t\tcontinue", "if false {\n\t\t\tcontinue", core + " " + lifecycle},
	{"numbers of an any are rounded", "internal/inspect/decode.go", `if !d.exact {`, `if true {`, "./internal/inspect " + core},
	{"a missing payload is the zero value", "internal/envelope/form.go", `return ErrMissing`, `return nil`, core},
	{"null is the zero value", "internal/envelope/form.go", `return inspect.WrongNull(d.typ)`, `return nil`, core},
	{"null may connect though it is not listed", "origins.go", "if origin == opaque {\n", "if true {\n", core},
	{"duplicate keys are taken", "internal/envelope/scan.go", `return errDuplicate`, `return nil`, "./internal/envelope"},
	{"JSON may be nested one level deeper", "internal/envelope/scan.go", "func (s *scanner) object(depth int, member func(key, value []byte)) error {\n\tif depth > MaxDepth {", "func (s *scanner) object(depth int, member func(key, value []byte)) error {\n\tif depth > MaxDepth+1 {", "./internal/envelope"},
	{"a name may have two lines", "internal/text/text.go", ` || r == '\u2028' || r == '\u2029'`, ``, core},
	{"names need characters that print", "internal/text/text.go", `unicode.IsControl(r)`, `!unicode.IsPrint(r)`, core},
	{"malformed messages have no end", "exchange.go", `int(c.malformedCount) >= c.route.limits.Malformed`, `int(c.malformedCount) > c.route.limits.Malformed`, core},

	{"nobody is too fast", "internal/transport/conn.go", `wait = c.in.meter.message()`, `wait = 0`, core + " " + abuse},
	{"control frames do not count for the rate", "internal/transport/meter.go", "\tm.message()\n", ``, core},
	{"what is refused is read as fast as it comes", "internal/transport/slowdown.go", `if wait <= refused {`, `if true {`, core},
	{"who is only ever too fast stays", "rate.go", `now.Sub(p.since) >= tooFastTime`, `false`, core},
	{"who waits as told is disconnected", "rate.go", `c.pace.since = time.Time{}`, `_ = c.pace`, core},
	{"each refused message without an id is answered", "rate.go", `now.Sub(p.told) < tellTooFast`, `false`, core},
	{"an event beyond its limit counts for it", "internal/rate/rate.go", "if over := time.Duration(after.drained-now) - l.burst; over > 0 {\n\t\treturn over", "if over := time.Duration(after.drained-now) - l.burst; over > 0 {\n\t\t*b = after\n\t\treturn over", "./internal/rate"},
	{"events share their limit", "rate.go", `rt.eventRates++`, `rt.eventRates = 1`, core},
	{"an error of any kind is told over HTTP", "httperror.go", `if own, ok = asClientError(err); !ok {`, `if own, ok = asClientError(err); !ok {` + "\n\t\t\town.Message = err.Error()", core},

	// Output.
	{"a write has no deadline", "internal/transport/wait.go", `c.bound(c.limits.Write / lookAfter)`, `c.bound(time.Hour * 10000)`, core},
	{"a queue has no bound", "internal/transport/outbox.go", `return len(c.out.frames) >= times*c.limits.QueueMessages || c.out.bytes+n > times*c.limits.QueueBytes`, `return false`, core},
	{"the queues of all clients together have no bound", "internal/transport/backlog.go", `return b.held.Load() > b.limit-b.limit/8`, `return false`, core},
	{"a message that waits for many counts for each", "internal/transport/backlog.go", `f.Held.Add(1) == 1`, `f.Held.Add(1) > 0`, core},
	{"who has the most waiting stays when memory is short", "internal/transport/backlog.go", `cmp.Compare(y.size, x.size)`, `cmp.Compare(x.size, y.size)`, core},
	{"a sender writes for as long as others send", "internal/transport/write.go", `if writes == 0 {`, `if false {`, "./internal/transport"},
	{"what a read cycle held back is not flushed", "internal/transport/readcycle.go", "case sendsHeld:\n\t\theld = true", "case sendsHeld:", core},
	{"what was held before the last message of a read cycle is not flushed", "internal/transport/readcycle.go", `was == sendsHeld {`, `false {`, core},
	{"a close frame that does not fit into the socket may wait for ever", "internal/transport/close.go", "if idle {\n\t\tc.boundRest(within)", "if false {\n\t\tc.boundRest(within)", core},
	{"a history fills the whole queue", "internal/transport/paced.go", `c.limits.QueueMessages/2, min(`, `c.limits.QueueMessages, min(`, core},
	{"histories fill all queues together", "internal/transport/backlog.go", `return b.held.Load() > b.limit/2`, `return false`, core},
	{"a history waits for a connection that closes", "internal/transport/close.go", `return f.toSend }`, `return false }`, core},
	{"a history waits for what Flush waits for", "internal/transport/flush.go", `return cmp.Compare(f.upTo, upTo)`, `return min(-1, cmp.Compare(f.upTo, upTo))`, core},
	{"Flush forgets what was dropped", "internal/transport/flush.go", "if o.lost {", "if false {", core},
	{"Flush takes what is dropped meanwhile for written", "internal/transport/flush.go", "f.err = err", "_ = err", core},
	{"a shared frame is changed by who writes it", "internal/transport/batch_unix.go", `b.copied = append(b.copied, f...)`, `b.copied = append(b.copied, f...); f[len(f)-1] ^= 1`, core},
	{"a rest is written again from the start", "internal/transport/batch_unix.go", `b.chunks[b.next] = chunk[n:]`, `b.chunks[b.next] = chunk`, core + " " + conformance},
	{"something is sent behind a close frame", "internal/transport/outbox.go", "defer o.mu.Unlock()\n\tif o.closing || o.dead {\n\t\treturn false, false, ErrClosed\n\t}", "defer o.mu.Unlock()\n\tif o.dead {\n\t\treturn false, false, ErrClosed\n\t}", core + " " + lifecycle},
	{"a close reason may be too long", "internal/frame/frame.go", `if len(reason) <= maxReason {`, `if len(reason) <= 2*maxReason {`, "./internal/frame"},
	{"a close reason is cut inside of a rune", "internal/frame/frame.go", `for end > 0 && !utf8.RuneStart(reason[end]) {`, `for end < 0 {`, "./internal/frame"},
	{"the writer of a broadcast gets it though it is excepted", "internal/hub/set.go", "if !slices.Contains(s.except, e.member) {\n\t\t\tb.To(e.t)", "if true {\n\t\t\tb.To(e.t)", core},
	{"a compressed message is sent to who did not ask for it", "internal/frame/deflate.go", `if !deflate || len(m.plain)`, `if len(m.plain)`, core},

	// Life.
	{"the request is used after the HTTP handler has returned", "route.go", `deciding.Wait() //`, `//`, routers},
	{"a context that is derived from the request's is taken", "upgrade.go", `case values.Value(borrowedKey{}) != nil:`, `case false:`, core},
	{"who has left is still in the rooms", "session.go", `	defer c.member.LeaveAll()`, ``, core},
	{"who has left is still listed", "session.go", `	defer c.member.Remove()`, ``, lifecycle},
	{"OnClose is called twice", "session.go", `	if err := c.call(ctx, Inbound{Hook: HookClose, Err: c.cause}); err != nil {`, "\t_ = c.call(ctx, Inbound{Hook: HookClose, Err: c.cause})\n\tif err := c.call(ctx, Inbound{Hook: HookClose, Err: c.cause}); err != nil {", lifecycle},
	{"OnClose is called though OnOpen failed", "session.go", `if !c.opened || `, `if `, lifecycle},
	{"a connection stays open though OnOpen failed", "session.go", `c.guarded(Inbound{Hook: HookOpen}, func() { c.refuse(err) })`, ``, core},
	{"OnOpen may take for ever", "session.go", `late := time.AfterFunc(time.Until(deadline), func() {`, `late := time.AfterFunc(time.Hour*10000, func() {`, core},
	{"a panic ends the process", "internal/guard/guard.go", `if v := recover(); v != nil {`, `if v := any(nil); v != nil {`, core},
	{"middleware can swallow a panic", "session.go", `if p := c.exchange.panicked; p != nil {`, `if p := c.exchange.panicked; false {`, core},
	{"middleware does not see a panic", "exchange.go", "c.base().exchange.panicked, err = p, p", "panic(v)", core},
	{"an answer that does not fit vanishes", "exchange.go", "if err == nil {\n\t\terr = c.t.Send(m)\n\t}", "if err == nil {\n\t\t_ = c.t.Send(m)\n\t}", core},
	{"a client fills the log", "log.go", `if b.tokens < 1 {`, `if false {`, core},
	{"a handler that does not return is not logged", "internal/transport/readcycle.go", `t.slow = time.AfterFunc(c.limits.Handler, c.owner.HandlerIsSlow)`, `t.slow = time.AfterFunc(c.limits.Handler, func() {})`, core},
	{"a broker's panic ends the process", "internal/hub/safebroker.go", `if v := recover(); v != nil {`, `if v := any(nil); v != nil {`, core},
	{"a connection goes on after a panic", "exchange.go", `c.t.Close(websocket.StatusInternalError, "internal error", p)`, ``, core},
	{"a handler's context survives its connection", "internal/transport/close.go", "if closing {\n\t\tc.cancel(cause)", "if closing {\n\t\t_ = cause", core},
	{"the end of a client that has sent much is not noticed", "internal/transport/readcycle.go", `	c.cancel(lost(gone))`, ``, core},
	{"nobody is pinged to death", "internal/transport/heartbeat.go", `c.Abort(websocket.StatusTryAgainLater, "ping timeout", ErrPingTimeout)`, `_ = websocket.StatusTryAgainLater`, core},
	{"the time for a pong runs while the ping waits", "internal/transport/heartbeat.go", "if c.out.ping != 0 {\n\t\treturn c.limits.Pong", "if false {\n\t\treturn c.limits.Pong", core},
	{"who reads what the kernels hold is taken for dead", "internal/transport/heartbeat.go", `known && reads &&`, `known && false && reads &&`, core},
	{"a peer's bytes do not count as life", "internal/transport/heartbeat.go", `b.heardAt.Store(e.wheel.Now())`, `b.heardAt.CompareAndSwap(0, e.wheel.Now())`, core},
	{"an answer to a call is lost", "exchange.go", "if err == nil {\n\t\terr = c.t.Send(m)\n\t}", "_ = m", lifecycle},
	{"a room more than the limit can be joined", "internal/hub/join.go", `have > max {`, `have > max+1 {`, core},

	// Parked connections.
	{"a quiet connection is not parked", "internal/transport/awake.go", `w.c.interrupt(w.number)`, `_ = w`, "./internal/transport"},
	{"a connection with messages all the time is parked after each", "internal/transport/park.go", "\tc.engine.lot.leave(c)\n\tc.out.mu.Unlock()\n\tc.stayAwake()", "\tc.out.mu.Unlock()", "./internal/transport"},
	{"an event reaches who has the spot next", "internal/transport/lot_linux.go", `s.given == e.Pad {`, `true {`, "./internal/transport"},
	{"who is closed while parked does not end", "internal/transport/close.go", "if parked {\n\t\tgo c.owner.Resume()", "if parked && false {\n\t\tgo c.owner.Resume()", "./internal/transport"},
	{"a spot is kept by who is gone", "internal/transport/close.go", `	c.engine.lot.leave(c)`, ``, "./internal/transport"},
	{"a control frame that brings a connection back spoils its next message", "activity.go", `if r.exchange != nil {`, `if true {`, "./internal/transport"},
	{"a message in parts is parked", "internal/transport/park.go", `c.park.able && !c.in.meter.inMessage()`, `c.park.able`, "./internal/transport"},
	{"who was refused by epoll is not parked any more", "internal/transport/lot_linux.go", `	_ = l.call(c, unix.EPOLL_CTL_DEL)`, `	_ = unix.EPOLL_CTL_DEL`, "-tags=wsgate_parkatonce ./internal/transport"},
	{"a handler of who was parked may wait for its own shutdown", "awaited.go", `	".(*conn).resume":`, `	".(*conn).resumed":`, "./internal/transport"},
	// Sessions.
	{"a session has no end", "expiry.go", `over := !e.end.IsZero() && !now.Before(e.closes())`, `over := false`, core},
	{"a session that has ended may connect", "upgrade.go", `!d.end.After(time.Now())`, `false`, core},
	{"sessions that began together are renewed together", "expiry.go", ` - rand.N(min(left/10, 4*most)+1)`, ``, core},
	{"OnRefresh overlaps handlers", "session.go", "if c.expiry != nil {\n\t\tc.expiry.takeTurn()", "if false {\n\t\tc.expiry.takeTurn()", core + " " + lifecycle},
	{"OnClose does not wait for OnRefresh", "expiry.go", `	e.asks.Wait()`, ``, core + " " + lifecycle},
	{"another user takes a connection over", "refresh.go", `user != c.member.UserID()`, `false && user != ""`, core},
	{"a logout leaves the session its time", "refresh.go", `		e.end = now`, `		_ = now`, core},
	{"Hub.Refresh is forgotten while OnRefresh runs", "expiry.go", `case e.turn == nil || e.forced:`, `case e.turn == nil:`, core},
	{"a token is logged in an error", "refresh.go", `return errors.New(clean)`, `return fmt.Errorf("%.0s%w", clean, err)`, core},
	{"a token is logged in a panic", "refresh.go", `p.Value = clean`, `_ = clean`, core},
	{"Hub.Refresh stays on its node", "internal/hub/request.go", `case what == requestRefresh:`, `case false:`, nodes},
	{"a user on another node is not online", "internal/cluster/ask.go", `q.yes = q.yes ||`, `q.yes = false &&`, nodes},

	// The server.
	{"clients see internal errors", "errors.go", `return &Error{Code: Internal, Message: "internal error"}, false`, `return &Error{Code: Internal, Message: err.Error()}, false`, core},
	{"what a listener has put around its connections is passed by", "internal/transport/socket.go", `case *net.TCPConn, *net.UnixConn:`, `case syscall.Conn:`, core},
	{"a host with the port that browsers leave out is another", "origins.go", `if port == defaultPort {`, `if false {`, core},
	{"a listed origin's default port counts", "origins.go", `return name, name + port`, `return name, name`, core},
	{"upgrades are redirected", "mux.go", `if asksToUpgrade(r) {`, `if false {`, core + " " + abuse},
	{"any origin may connect", "origins.go", `if patterns.allow(r) {`, `if true {`, core + " " + abuse},
	{"an upgrade may have a body", "internal/transport/accept.go", "case r.ContentLength != 0: //", "case false: //", core + " " + abuse},
	{"a client that offers other subprotocols is taken", "internal/transport/accept.go", `&& firstOf(subprotocols, offered) == "" {`, `&& false {`, core + " " + abuse},
	{"Shutdown does not wait for connections", "app.go", `	err := a.waitIdle(ctx)`, `	var err error`, core},
	{"Shutdown waits for its own caller", "awaited.go", `	if who == "" {`, `	if true {`, core},
	{"Shutdown does not wait for OnStop functions that another call has begun", "app.go", `	return a.lifecycle.wait(ctx)`, `	return nil`, core},
	{"Shutdown does not wait for a start that is under way", "lifecycle.go", `	_ = waitFor(ctx, starting) //`, `	_ = starting //`, core},
	{"upgrades are taken while the App shuts down", "app.go", "if a.draining.Load() {\n\t\treturn false, \"shutting down\"\n\t}", "", core},
	{"a shutdown closes all connections at once", "depart.go", `case now.Before(g.next):`, `case false:`, core},
	{"a shutdown that has little time takes it all the same", "depart.go", `pace = max(pace, float64(left)/by.Sub(now).Seconds())`, ``, core},
	{"connections leave in the order in which they came", "depart.go", `	rand.Shuffle(len(d.staying), func(i, j int) { d.staying[i], d.staying[j] = d.staying[j], d.staying[i] })`, `	_ = rand.Int`, core},
	{"a client that connects elsewhere has no more time than others", "depart.go", `if c.moving.Load() || c.activity.Load() != nil {`, `if false {`, core},
	{"no hook runs as soon as a shutdown has begun", "session.go", `	if !c.leaving.Load() {`, `	if !c.route.app.draining.Load() {`, core},
	{"who takes messages as they are is told to connect elsewhere", "depart.go", `	if !c.route.sendsEvents() {`, `	if false {`, core},
	{"another call of Shutdown, with less time, hastens nothing", "app.go", `	a.departing.endBefore(ctx)`, "\tif !a.draining.Load() {\n\t\ta.departing.endBefore(ctx)\n\t}", core},
	{"a client lets go of a connection before the new one is open on the other side", "client/move.go", `	if err == nil { // the answer`, `	if err == nil && false { // the answer`, "./client"},
	{"a client lets go of a connection while OnState runs", "client/move.go", `if l.greeted && l.calls == 0`, `if l.calls == 0`, "./client"},
	{"a client lets go of a connection with calls in flight", "client/move.go", `if l.greeted && l.calls == 0`, `if l.greeted`, "./client"},
	{"a client ends with a connection that it has replaced", "client/connect.go", `			if l.hasMoved(err) {`, `			if false {`, "./client"},
	{"one connection more than the limit is taken", "app.go", `a.count.Load() >= int64(max)`, `a.count.Load() > int64(max)`, core},
	{"a hub looks for presence before it is there", "presence.go", `case !r.route.app.built.Load():`, `case false:`, core},
	{"services stop in the order in which they started", "lifecycle.go", `	slices.Reverse(calls)`, ``, core},

	// Several nodes.
	{"a node hears its own messages", "internal/cluster/node.go", `if err == nil && string(node) == n.id {`, `if err == nil && false {`, core + " " + nodes},
	{"a message that comes twice is delivered twice", "internal/cluster/node.go", `if !from.follows(seq) {`, `if !from.follows(seq) && false {`, nodes},
	{"a number that was wrong makes a node mute", "internal/cluster/sequence.go", `if s.top-n < near {`, `if s.top-n < 1<<62 {`, nodes + " " + abuse},
	{"a topic is given up though somebody needs it", "internal/cluster/subscriptions.go", `if t.refs--; t.refs > 0 {`, `if t.refs--; t.refs > 1 {`, nodes},
	{"any number of topics is kept that nobody needs", "internal/cluster/subscriptions.go", `maxIdle = 10_000`, `maxIdle = 1 << 30`, nodes + " ./internal/test/soak"},
	{"a topic is given up as soon as nobody needs it", "internal/cluster/subscriptions.go", `keepIdle = 5 * time.Second`, `keepIdle = 0`, nodes},
	{"Join does not wait for the engine", "internal/cluster/subscriptions.go", "if t.isMade() {\n\t\treturn t.err", "if true {\n\t\treturn nil", nodes},
	{"the topics between nodes do not take turns", "internal/fair/queue.go", "\t\tq.row.remove(l)\n\t\tq.row.add(l)\n", "", queues},
	{"what comes last has no room, whatever its topic", "internal/fair/queue.go", `if 2*own.size > longest.size {`, `if true {`, queues},
	{"a node that asks without end keeps others from being heard", "internal/cluster/loop.go", `n.loop.inbox.Put(m.Node, m,`, `n.loop.inbox.Put("", m,`, nodes},
	{"rooms with odd names share a topic", "internal/cluster/topic.go", `b.WriteByte(hex[c&15])`, ``, nodes},
	{"exceptions hold on their own node only", "internal/hub/remote.go", "if len(except) == 0 || !except[e.member.id] {\n\t\t\tb.To", "if len(except) >= 0 {\n\t\t\tb.To", core},
	{"nobody is told that the engine is away", "internal/hub/hub.go", "return fmt.Errorf(\"%w: %w\", ErrBroker, err)\n}\n\n// nodeDied", "return nil\n}\n\n// nodeDied", core},
	{"an engine that swallows everything is not noticed", "internal/cluster/loop.go", `mute := l.silent() >= deadAfter`, `mute := false`, nodes + " " + core + " " + abuse},
	{"a dead node lives on", "internal/cluster/peers.go", `if time.Since(last) >= deadAfter {`, `if time.Since(last) < 0 {`, nodes + " " + core},
	{"a silent node is not named", "internal/cluster/ask.go", `return false, &SilentError{Nodes: slices.Clone(q.open)}`, `return false, nil`, nodes},
	{"a user may have a connection more", "internal/hub/userlimit.go", `counted >= l.max {`, `counted > l.max {`, core},
	{"the oldest makes room for who does not open", "session.go", "		c.open(deadline)", "		c.member.Stay()\n		c.open(deadline)", core},
	{"who is gone has a place", "internal/hub/userlimit.go", `u.t != nil && u.t.Context().Err() != nil`, `false`, core},
	{"who was replaced and does not answer stays", "internal/hub/userlimit.go", `		sockets += l.max`, `		sockets += 1000`, core + " " + abuse},
	{"who leaves is cut as if replaced", "internal/hub/userlimit.go", `cuts = append(cuts, func() { l.cut(leaving) })`, `cuts = append(cuts, func() { l.giveUp(&leaving) })`, core},
	{"who was replaced comes back", "user.go", `StatusReplaced websocket.StatusCode = 4409`, `StatusReplaced websocket.StatusCode = 1013`, "./internal/test/docs"},
	{"reloading a page is news", "internal/presence/tracker.go", `until := time.Now().Add(t.Grace)`, `until := time.Now()`, core},
	{"a user leaves with the first of several tabs", "internal/presence/room.go", `	delete(u.conns, c)`, `	clear(u.conns)`, core},
	{"the users of a dead node stay", "internal/presence/tracker.go", `		r.forget(node)`, `		r.forget("")`, core},
	{"the rows of living nodes are swept", "internal/presence/write.go", `!t.Node.Alive(node) { // otherwise`, `node != "" { // otherwise`, presence},
	{"a room is forgotten while its rows are written", "internal/presence/room.go", ` && !r.working`, ``, presence},
	{"what a node said that has left is believed", "internal/presence/tracker.go", `		r.doubtful = true`, ``, presence},
	{"what is told while a table is read is lost", "internal/presence/room.go", "\tfor _, d := range r.backlog {\n\t\tr.apply(d)\n\t}\n\tr.backlog, r.loaded", "\tr.backlog, r.loaded", presence},
	{"who leaves while the store fails leaves a row", "internal/presence/write.go", `r.purge = true // instead`, `_ = r // instead`, presence},
	{"a room whose table fails holds up the others", "internal/presence/write.go", `r.retryAt = now.Add(retryAfter)`, `r.retryAt, t.pausedUntil = now.Add(retryAfter), now.Add(retryAfter)`, presence},
	{"members are told more than fits", "internal/presence/room.go", `return len(r.shown) > maxUsers || r.size > maxBytes`, `return len(r.shown) > maxUsers`, presence},
	{"a row that failed is not written again", "internal/presence/write.go", "r.pending[id] = struct{}{}\n\t\t\t} else {", "} else {", presence},
	{"a gap in what a node tells is not noticed", "internal/presence/room.go", `d.version != have+1`, `d.version < have`, core + " " + presence},
	{"who comes hears changes before who is there", "internal/presence/room.go", `told = append(told, Change[C]{Room: r.name, Here: here, Gone: gone, Count: len(r.shown), But: newcomers})`, `told = append(told, Change[C]{Room: r.name, Here: here, Gone: gone, Count: len(r.shown)})`, presence},

	// What newcomers and other people's clients stumble over.
	{"a payload is not asked whether it is valid", "payload.go", `if p.binding.validates {`, `if false {`, core},
	{"a flat message is a zero payload of the nested form", "internal/envelope/form.go", `	case d.names.standsBeside(in.Text, d.typ):
		return ErrFlat`, `	case false:
		return ErrFlat`, core},
	{"a payload whose fields are all hidden is sent", "internal/inspect/unfit.go", `if wrong := hidden(t); wrong != nil {`, `if wrong := hidden(t); false {`, core},
	{"who makes room is cut before it is told, as lost", "internal/hub/userlimit.go", `	if u.closed {
		u.t.Close`, `	if false {
		u.t.Close`, core},
	{"a message that is too long is not read to its end", "internal/transport/close.go", `		c.discard()`, `		_ = c`, core},
	{"the end of a message that is too long is not waited for", "internal/transport/close.go", `if m.inMessage() && !m.closed {`, `if false {`, core},
	{"what is read on behind a violation is not followed", "internal/transport/meter.go", `				m.follow(b[i:])`, `				_ = i`, core},
	{"text is checked at its end only", "internal/transport/conn.go", `readAll(r, scratch[:0], text && !packed)`, `readAll(r, scratch[:0], false)`, conformance},
	{"1005 is sent", "internal/frame/frame.go", `case 1004, websocket.StatusNoStatusRcvd,`, `case 1004,`, core},
	{"a bound of the server's window is accepted without a word", "internal/transport/extension.go", `answer += "; server_max_window_bits=15"`, `_ = answer`, conformance},
	{"refusals have headers of the connection in HTTP/2", "internal/transport/refusal.go", `if r.ProtoMajor < 2 {`, `if true {`, core},
	{"HTTP middleware that takes the upgrades is not logged", "unreached.go", `rt.isFirst() {`, `false {`, core},
}
