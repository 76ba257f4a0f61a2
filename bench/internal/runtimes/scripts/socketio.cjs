// A Socket.IO server that acknowledges each event with its payload, over WebSocket only.
const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => socket.on("echo", (payload, answer) => answer(payload)));

server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`bench: ready 127.0.0.1:${server.address().port}\n`);
});
process.stdin.resume().on("close", () => process.exit(0));
