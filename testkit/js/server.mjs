// A small server of the reference implementation, against which testkit's own clients are tested.

import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer((request, response) => {
  if (request.url === "/health") return response.end('{"ok":true}');
  response.setHeader("content-type", "text/html");
  response.end("<h1>testkit</h1>");
});
const io = new Server(http);

function refuse(socket, next) {
  if (socket.handshake.auth.token !== "wrong") return next();
  next(Object.assign(new Error("refused"), { data: { code: 7 } }));
}

function serve(socket) {
  socket.emit("hello", socket.nsp.name, socket.handshake.auth);
  socket.on("echo", (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : null;
    if (ack) ack(...args);
    else socket.emit("echoed", ...args);
  });
  socket.on("ask", async (question, ack) => ack(await socket.timeout(2000).emitWithAck("question", question)));
  socket.on("kick", () => socket.disconnect());
  socket.on("cut", () => socket.conn.close());
}

for (const namespace of ["/", "/admin"]) io.of(namespace).use(refuse).on("connection", serve);

process.on("SIGTERM", () => io.close(() => process.exit(0)));
http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}/`));
