// Bun's own WebSocket server. argv: "publish" for native topics, "loop" for a
// set of sockets and a send to each.
const loop = process.argv[2] === "loop";
const rooms = new Map();

function room(name) {
  let members = rooms.get(name);
  if (!members) rooms.set(name, (members = new Set()));
  return members;
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const path = new URL(request.url).pathname;
    if (server.upgrade(request, { data: { path } })) return;
    return new Response("upgrade wanted", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open(ws) {
      const path = ws.data.path;
      if (!path.startsWith("/room/")) return;
      if (loop) room(path).add(ws);
      else ws.subscribe(path);
    },
    message(ws, message) {
      const path = ws.data.path;
      if (path === "/echo") {
        ws.send(message);
      } else if (path === "/json") {
        const said = JSON.parse(message);
        if (said.type !== "msg") throw new Error("unknown type " + said.type);
        ws.send(JSON.stringify({ type: said.type, text: said.text }));
      } else if (loop) {
        for (const member of room(path)) member.send(message);
      } else {
        server.publish(path, message);
      }
    },
    close(ws) {
      if (loop) rooms.get(ws.data.path)?.delete(ws);
    },
  },
});

process.stdout.write(`bench: ready 127.0.0.1:${server.port}\n`);
for await (const _ of console) {
  Bun.gc(true);
  process.stdout.write("bench: memory 0 0\n");
}
process.exit(0);
