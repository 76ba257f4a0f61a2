import { Codec, reconnect, refresh } from "./codec.js";
import { text, WsgateError } from "./errors.js";
import { absolute, isAway, scope, watch } from "./page.js";
import { writer } from "./writer.js";
const firstBound = 500; // milliseconds
const lastBound = 20_000;
const stable = 5_000; // a connection that lasted this long resets the bound
const longest = 2 ** 31 - 1; // of a timer
const silent = 5_000; // a call that waits as long while nothing arrives has met a dead connection
const open = 1; // the readyState of a WebSocket
const expired = 4401;
const replaced = 4409;
/** The close codes below 4000 after which the client does not connect again. docs/protocol.md has the table. */
const stayAway = [1000, 1002, 1003, 1007, 1008, 1009];
// What else there is to listen to.
const states = Symbol();
const texts = Symbol();
const binaries = Symbol();
/** A connection to a gateway that is made again whenever it is lost. connect makes one. */
export class Client {
    #url;
    #options;
    #codec;
    #state = Object.freeze({ phase: "closed" });
    #listeners = new Map(); // by event, and by the symbols below
    #watching = false; // the page and the network: from the beginning until the client is closed
    #attempt; // the current one
    #next; // to replace the connection, whose server shuts down
    #replaced = new Map(); // the last id of the calls that each is kept for
    #timer; // of the newest attempt, or of the wait for the next
    #refreshing; // the attempt whose session is being renewed
    #bound = firstBound;
    #lastID = 0;
    #arrived = 0; // how many messages
    #calls = new Map(); // that wait for an answer
    #queue = []; // what has not been sent
    #reported = new Set();
    /** Use connect, which knows which options are required. */
    constructor(url, options) {
        this.#url = url;
        this.#options = options;
        this.#codec = new Codec(options.envelope ?? {});
        if (!this.#class())
            throw new TypeError("wsgate: there is no WebSocket here; give one as the option WebSocket");
        this.#setState({ phase: "connecting" });
        this.#watch(true);
        queueMicrotask(() => this.#now());
    }
    /** What the client is doing. It is the same object until it changes. */
    get state() {
        return this.#state;
    }
    /** The same, as a function for React's useSyncExternalStore. */
    getSnapshot = () => this.#state;
    /** Calls fn for every change of the state, until the function that it returns is called. */
    subscribe = (fn) => this.#listen(states, fn);
    /** Calls fn for every event of that name that arrives, until the function that it returns is called. */
    on(event, fn) {
        return this.#listen(event, fn);
    }
    /** Calls fn for every binary message. */
    onBinary(fn) {
        return this.#listen(binaries, fn);
    }
    /** Calls fn for every text message as it is. It is for gateways of raw messages: there are no events and answers then. */
    onText(fn) {
        return this.#listen(texts, fn);
    }
    /**
     * Sends an event. It returns true when the message was sent, or waits in the queue; which does not mean that it has
     * arrived. It returns false without a connection, unless the queue has room.
     */
    emit(event, ...[payload]) {
        return !this.#send({ data: this.#codec.encode(event, undefined, payload) });
    }
    /** Sends an event, and waits until the server has handled it. */
    do(event, ...[payload, options]) {
        return this.#ask(event, payload, options).then(() => { });
    }
    /** Asks the server, and waits for the answer. It fails with a WsgateError. A call that was sent is never repeated. */
    call(event, ...[payload, options]) {
        return this.#ask(event, payload, options);
    }
    /** Sends a message as it is, to a gateway that takes raw messages. It returns what emit returns. */
    send(data) {
        return !this.#send({ data });
    }
    /** Waits for a connection. It fails with the state's error when the client is closed first. */
    ready() {
        return new Promise((resolve, reject) => {
            const look = (s) => {
                if (s.phase !== "connected" && s.phase !== "closed")
                    return;
                stop();
                if (s.phase === "connected")
                    resolve();
                else
                    reject(s.error);
            };
            const stop = this.subscribe(look);
            look(this.#state);
        });
    }
    /** Connects now, without waiting any longer: also after the client was closed. It does nothing while connected. */
    open() {
        if (this.#state.phase === "closed") {
            this.#bound = firstBound;
            this.#watch(true);
        }
        this.#now();
    }
    /** Gives the connection up, as if it had been lost, and connects again. It is for those who know that it is dead. */
    drop(reason = "dropped") {
        if (this.#attempt)
            this.#lost(new WsgateError("connect", reason));
    }
    /** Closes the connection until open is called. Calls fail, what waits in the queue is dropped, no timer remains. */
    close() {
        if (this.#state.phase !== "closed")
            this.#end(new WsgateError("closed", "the client was closed"));
    }
    #class() {
        return this.#options.WebSocket ?? scope.WebSocket;
    }
    // #now begins an attempt, unless there is one or a connection.
    #now() {
        if (this.#attempt || !this.#watching)
            return;
        const attempt = this.#attempt = new AbortController();
        this.#limit(attempt);
        if (this.#state.phase !== "connecting")
            this.#setState({ ...ended(this.#state), phase: "connecting" });
        if (attempt === this.#attempt)
            void this.#dial(attempt);
    }
    // #replace begins an attempt to replace the connection, which goes on meanwhile.
    #replace() {
        this.#limit(this.#next = new AbortController());
        void this.#dial(this.#next);
    }
    #limit(attempt) {
        clearTimeout(this.#timer);
        const limit = this.#options.connectTimeout ?? lastBound;
        this.#timer = after(limit, () => this.#failed(attempt, new WsgateError("connect", `no connection within ${limit} ms`)));
    }
    async #dial(attempt) {
        let socket;
        const end = (message, cause) => this.#failed(attempt, new WsgateError("closed", message, { cause }), {}, true);
        try {
            const [url, protocols] = await Promise.all([
                valueOf(this.#url, attempt.signal), valueOf(this.#options.protocols, attempt.signal),
            ]);
            if (attempt.signal.aborted)
                return;
            if (url == null || protocols === null)
                return end("nobody is logged in");
            try {
                socket = new (this.#class())(absolute(url), typeof protocols === "string" ? [protocols] : [...protocols ?? []]);
            }
            catch (cause) {
                return end(`WebSocket: ${text(cause)}`, cause); // as it would be next time
            }
        }
        catch (cause) {
            return this.#failed(attempt, new WsgateError("connect", text(cause), { cause }));
        }
        attempt.socket = socket;
        attempt.write = writer(socket);
        socket.binaryType = "arraybuffer";
        socket.onerror = () => {
            if (attempt.opened === undefined)
                this.#closed(attempt, 1006, "");
        };
        socket.onopen = () => this.#connected(attempt, socket);
        socket.onmessage = ({ data }) => this.#received(attempt, data);
        socket.onclose = ({ code, reason }) => this.#closed(attempt, code, reason);
    }
    #connected(attempt, socket) {
        clearTimeout(this.#timer);
        attempt.opened = Date.now();
        const old = attempt === this.#next && this.#attempt;
        this.#attempt = attempt;
        this.#next = undefined;
        if (old)
            this.#replaced.set(old, Infinity);
        for (const out of this.#queue.splice(0))
            this.#write(attempt, out);
        this.#setState({ phase: "connected", protocol: socket.protocol });
        if (!old || !this.#replaced.has(old))
            return;
        // It is kept for the calls up to now, and for one that is answered when the new one is open on the server's side too.
        this.#ask(reconnect, undefined).catch(() => { });
        this.#replaced.set(old, this.#lastID);
        this.#letGo();
    }
    // #letGo closes connections that were replaced, and for which nothing is left to do.
    #letGo() {
        for (const [old, last] of this.#replaced) {
            if ([...this.#calls.keys()].some((id) => id <= last))
                continue;
            this.#replaced.delete(old);
            this.#leave(old);
        }
    }
    #closed(attempt, code, reason) {
        const final = code >= 4000
            ? code === replaced || code !== expired && !this.#options.reconnect?.includes(code)
            : stayAway.includes(code);
        const message = `the connection has ended: ${code} ${reason || "without a reason"}`;
        this.#failed(attempt, new WsgateError(final ? "closed" : "connect", message), { code, reason }, final);
    }
    // #failed is the end of an attempt, or of its connection. If another is under way to replace it, that is the current one.
    #failed(attempt, error, closed = {}, final = false) {
        if (attempt === this.#next) {
            this.#next = undefined;
            this.#leave(attempt, error);
            clearTimeout(this.#timer);
            if (!final)
                this.#timer = setTimeout(() => this.#replace(), this.#pause());
        }
        else if (attempt !== this.#attempt) {
            if (this.#replaced.delete(attempt))
                this.#leave(attempt, error);
        }
        else if (this.#next) {
            this.#attempt = this.#next;
            this.#next = undefined;
            this.#leave(attempt, error);
            this.#setState({ phase: "connecting", error, ...closed });
        }
        else if (final)
            this.#end(error, closed);
        else
            this.#lost(error, closed);
    }
    #pause() {
        const wait = Math.random() * this.#bound;
        this.#bound = Math.min(2 * this.#bound, lastBound);
        return wait;
    }
    // #lost waits before the next attempt: a random time, since all clients of a server that restarts lose their connections
    // at once. A page that nobody sees, or that has no network, waits longer, but only until that changes.
    #lost(error, closed = {}) {
        if (Date.now() - (this.#attempt?.opened ?? Infinity) >= stable)
            this.#bound = firstBound;
        const wait = this.#pause() + (isAway() ? lastBound : 0);
        this.#release(error);
        this.#timer = setTimeout(() => this.#now(), wait);
        this.#setState({ phase: "waiting", error, ...closed, wait });
    }
    #end(error, closed = {}) {
        this.#watch(false);
        this.#release(error);
        for (const out of this.#queue.splice(0))
            out.call?.settle(error);
        this.#setState({ phase: "closed", error, ...closed });
    }
    // #release gives up all attempts and connections.
    #release(cause) {
        clearTimeout(this.#timer);
        const all = [this.#attempt, this.#next, ...this.#replaced.keys()];
        this.#attempt = this.#next = undefined;
        this.#replaced.clear();
        for (const attempt of all)
            if (attempt)
                this.#leave(attempt, cause);
    }
    // #leave gives up an attempt or a connection. Calls that were sent over it fail.
    #leave(attempt, cause) {
        attempt.abort();
        const { socket } = attempt;
        if (socket) {
            socket.onopen = socket.onmessage = socket.onclose = null; // onerror stays: some throw an error without it
            attempt.opened ??= 0;
            try {
                socket.close(1000);
            }
            catch { /* it has ended */ }
        }
        for (const out of [...this.#calls.values()]) {
            if (out.over !== attempt)
                continue;
            out.call.settle(new WsgateError("disconnected", "the connection was lost, whether the server has handled the message is not known", { cause }));
        }
    }
    #watch(on) {
        this.#watching = on;
        watch(on, this.#happened);
    }
    // #happened hears of what happens to the page and the network.
    #happened = (e) => {
        switch (e.type) {
            case "offline":
                return this.drop("the network is gone");
            case "pagehide": // the browser may keep the page, without connections
                this.drop("the page is hidden");
                return clearTimeout(this.#timer);
            case "visibilitychange":
                return isAway() ? undefined : this.#now();
            default: // the page or the network is back
                this.#now();
        }
    };
    #setState(state) {
        this.#state = Object.freeze(state);
        for (const fn of [...this.#listeners.get(states) ?? []]) {
            if (this.#state !== state)
                return; // a listener has changed it, and all have heard of that
            this.#tell(fn, state);
        }
    }
    #listen(name, fn) {
        const set = this.#listeners.get(name) ?? new Set();
        this.#listeners.set(name, set);
        const own = (value) => fn(value);
        set.add(own);
        return () => { set.delete(own); };
    }
    // #tell calls a listener, whose errors are nobody else's.
    #tell(fn, value) {
        const failed = (cause) => this.#report(new WsgateError("listener", `a listener failed: ${text(cause)}`, { cause }));
        try {
            const result = fn(value);
            if (typeof result?.then === "function")
                result.then(undefined, failed);
        }
        catch (cause) {
            failed(cause);
        }
    }
    #report(error) {
        try {
            if (this.#options.onError)
                return this.#options.onError(error);
        }
        catch (cause) {
            error = new WsgateError("listener", `onError failed: ${text(cause)}`, { cause });
        }
        const key = `${error.code}: ${error.message}`;
        if (this.#reported.has(key) || this.#reported.size >= 100)
            return;
        this.#reported.add(key);
        console.error("wsgate:", error);
    }
    #ask(event, payload, { timeout = this.#options.timeout ?? 10_000, signal } = {}) {
        return new Promise((resolve, reject) => {
            const aborted = () => give(new WsgateError("aborted", "the call was aborted", { cause: signal.reason }));
            const give = (error, answer) => {
                clearTimeout(timer);
                signal?.removeEventListener("abort", aborted);
                this.#calls.delete(id);
                const waits = this.#queue.indexOf(out);
                if (waits >= 0)
                    this.#queue.splice(waits, 1); // nobody wants the answer
                this.#letGo();
                if (error)
                    reject(error);
                else
                    resolve(answer);
            };
            if (this.#has(texts))
                throw new TypeError("wsgate: the client takes texts as they are, see onText, and so sees no answers");
            const id = ++this.#lastID;
            const out = { data: this.#codec.encode(event, id, payload), call: { id, settle: give } };
            let timer;
            if (signal?.aborted)
                return aborted();
            const unsent = this.#send(out);
            if (unsent)
                return give(unsent);
            const [arrived, attempt] = [this.#arrived, this.#attempt];
            if (timeout)
                timer = after(timeout, () => {
                    const dead = timeout >= silent && arrived === this.#arrived && attempt === this.#attempt && !this.#queue.includes(out);
                    give(new WsgateError("timeout", `no answer within ${timeout} ms`));
                    if (dead)
                        this.drop("the server is silent");
                });
            signal?.addEventListener("abort", aborted);
        });
    }
    // #send sends a message or puts it into the queue. Otherwise it returns an error.
    #send(out) {
        const { queue = 0 } = this.#options;
        const attempt = this.#attempt;
        if (attempt?.opened !== undefined && attempt.socket.readyState === open)
            this.#write(attempt, out);
        else if (this.#state.phase === "closed")
            return new WsgateError("closed", "the client is closed", { cause: this.#state.error });
        else if (!queue)
            return new WsgateError("not_connected", "not connected, the message was not sent", { cause: this.#state.error });
        else if (this.#queue.length >= queue)
            return new WsgateError("queue_full", `not connected, and ${queue} messages wait already`);
        else
            this.#queue.push(out);
        if (out.call)
            this.#calls.set(out.call.id, out);
        return undefined;
    }
    #write(attempt, out) {
        out.over = attempt;
        attempt.write(out.data);
    }
    #has(name) {
        return !!this.#listeners.get(name)?.size;
    }
    #received(attempt, message) {
        this.#arrived++;
        const raw = typeof message === "string" ? texts : binaries;
        if (this.#has(raw))
            return this.#deliver(raw, message);
        if (typeof message !== "string")
            return this.#report(new WsgateError("unhandled", "a binary message has no listener"));
        let received;
        try {
            received = this.#codec.decode(message);
        }
        catch (cause) {
            return this.#report(new WsgateError("malformed", `the server sent a message that is not an envelope: ${text(cause)}`, { cause, details: message }));
        }
        const { event, id, payload } = received;
        const error = event === "error" ? refusal(payload) : undefined;
        if (id != null)
            this.#calls.get(id)?.call.settle(error, payload); // or nobody waits for it any more
        else if (error)
            this.#report(error);
        else if (event[0] === "$")
            this.#control(attempt, event);
        else
            this.#deliver(event, payload);
    }
    // #control handles a message of the protocol itself. It ignores what it does not know: the server may be newer.
    #control(attempt, event) {
        if (attempt !== this.#attempt)
            return; // it was replaced
        if (event === "$expiring")
            void this.#refresh();
        if (event === reconnect && !this.#next) {
            attempt.write(this.#codec.encode(reconnect, undefined, undefined)); // the server waits a while
            this.#replace();
        }
    }
    // #refresh gives the server a token, once at a time.
    async #refresh() {
        const attempt = this.#attempt;
        if (!this.#options.refresh || this.#refreshing === attempt)
            return;
        this.#refreshing = attempt;
        try {
            const token = await this.#options.refresh(attempt.signal);
            if (token !== null && attempt === this.#attempt)
                await this.#ask(refresh, { token });
        }
        catch (cause) {
            if (attempt === this.#attempt)
                this.#report(new WsgateError("refresh", `the session was not renewed: ${text(cause)}`, { cause }));
        }
        if (this.#refreshing === attempt)
            this.#refreshing = undefined;
    }
    #deliver(name, value) {
        if (!this.#has(name))
            this.#report(new WsgateError("unhandled", `event "${String(name)}" has no listener`, { details: value }));
        for (const fn of [...this.#listeners.get(name) ?? []])
            this.#tell(fn, value);
    }
}
/** refusal returns the error in a message of the type "error". */
const refusal = (payload) => typeof payload?.code === "string"
    ? new WsgateError(payload.code, String(payload.message ?? ""), { details: payload.details, source: "server" })
    : new WsgateError("malformed", "the server sent an error without a code", { details: payload });
const valueOf = async (value, signal) => typeof value === "function" ? value(signal) : value;
/** ended returns what a state says about the end of the last connection. */
const ended = ({ error, code, reason }) => ({
    ...(error && { error }), ...(code !== undefined && { code }), ...(reason !== undefined && { reason }),
});
/** after is setTimeout for any time: one that a timer cannot count never comes. */
const after = (time, fn) => time <= longest ? setTimeout(fn, time) : undefined;
