/**
 * Returns what sends messages through a socket. In Node.js, with the package ws, all messages of one turn of the event loop
 * leave in one write: a system call for each is half of what 16 calls at a time cost the client.
 */
export function writer(socket) {
    let tcp;
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
