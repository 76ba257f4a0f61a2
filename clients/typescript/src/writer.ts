import type { Raw, Socket } from "./contract.js";

/** What the package ws adds to a WebSocket, and Node.js to a TCP connection. */
interface NodeSocket {
  once?(event: "upgrade", fn: (response: { socket: Corkable }) => void): void;
}
interface Corkable {
  writableCorked: number;
  cork(): void;
  uncork(): void;
}
declare const process: { nextTick(fn: () => void): void };

/**
 * Returns what sends messages through a socket. In Node.js, with the package ws, all messages of one turn of the event loop
 * leave in one write: a system call for each is half of what 16 calls at a time cost the client.
 */
export function writer(socket: Socket & NodeSocket): (data: Raw) => void {
  let tcp: Corkable | undefined;
  socket.once?.("upgrade", (response) => (tcp = response.socket));
  return (data) => {
    if (tcp?.writableCorked === 0) {
      const corked = tcp;
      corked.cork();
      process.nextTick(() => corked.uncork());
    }
    socket.send(data);
  };
}
