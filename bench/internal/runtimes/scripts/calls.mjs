// One client that keeps some calls outstanding, each answered with its own payload.
// argv: kind, address, outstanding, milliseconds of warm-up, milliseconds of measuring, for wsgate the client's module.
// It prints one line of JSON: the calls, the seconds and the seconds of processor time of the measured part.
const [kind, address, outstanding, warmUp, measure, module] = process.argv.slice(2);
const text = "x".repeat(100);

// Each kind connects and returns a function that makes a call, and one that closes.
const kinds = {
  async wsgate() {
    const { connect } = await import(module);
    const { WebSocket } = await import("ws");
    const client = connect(`ws://${address}/calls`, { WebSocket, onError: fail });
    await client.ready();
    return [(payload) => client.call("echo", payload), () => client.close()];
  },

  // The least that a client can be: an id for each call, and a map of those that wait.
  async "by hand"() {
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(`ws://${address}/calls`, { perMessageDeflate: false });
    await new Promise((opened) => (socket.onopen = opened));
    const waiting = new Map();
    let last = 0;
    socket.onmessage = ({ data }) => {
      const { type, id, ...payload } = JSON.parse(data);
      const answered = waiting.get(id);
      waiting.delete(id);
      answered(payload);
    };
    return [
      (payload) =>
        new Promise((answered) => {
          waiting.set(++last, answered);
          socket.send(JSON.stringify({ ...payload, type: "echo", id: last }));
        }),
      () => socket.close(),
    ];
  },

  async "socket.io"() {
    const { io } = await import("socket.io-client");
    const socket = io(`http://${address}`, { transports: ["websocket"] });
    await new Promise((opened) => socket.on("connect", opened));
    return [(payload) => socket.timeout(10_000).emitWithAck("echo", payload), () => socket.close()];
  },

  async signalr() {
    const { HubConnectionBuilder, HttpTransportType, LogLevel } = await import("@microsoft/signalr");
    const connection = new HubConnectionBuilder()
      .withUrl(`http://${address}/signalr`, { transport: HttpTransportType.WebSockets, skipNegotiation: true })
      .configureLogging(LogLevel.Warning)
      .build();
    await connection.start();
    return [(payload) => connection.invoke("echo", payload), () => connection.stop()];
  },
};

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

const [call, close] = await kinds[kind]();
let begun = 0;
let answered = 0;
let over = false;

async function caller() {
  while (!over) {
    const n = ++begun;
    const answer = await call({ n, text });
    if (answer.n !== n || answer.text !== text) fail(`call ${n} was answered with ${JSON.stringify(answer)}`);
    answered++;
  }
}

const after = (ms) => new Promise((wake) => setTimeout(wake, ms));
const callers = Array.from({ length: Number(outstanding) }, caller);
await after(Number(warmUp));
const [before, cpu, time] = [answered, process.cpuUsage(), process.hrtime.bigint()];
await after(Number(measure));
const used = process.cpuUsage(cpu);
const figures = {
  calls: answered - before,
  seconds: Number(process.hrtime.bigint() - time) / 1e9,
  cpu: (used.user + used.system) / 1e6,
};
over = true;
await Promise.all(callers);
await close();
console.log(JSON.stringify(figures));
