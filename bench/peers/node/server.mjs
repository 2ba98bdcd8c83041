// The peer Socket.IO on Node: the server that `load` asks for, as https://socket.io/docs/v4/performance-tuning/ has it,
// with @socket.io/redis-adapter when REDIS_URL is set.
//
//   (cd bench/peers/node && npm ci --no-audit --no-fund --ignore-scripts)
//   BIND=127.0.0.1:8000 [REDIS_URL=redis://127.0.0.1:6379] node bench/peers/node/server.mjs

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

// ws takes its own JavaScript when the add-on is missing; a slower peer is not what is to be measured.
createRequire(import.meta.url)("bufferutil");

const [host, port] = (process.env.BIND ?? "127.0.0.1:8000").split(":");
const http = createServer(handle);
// Longer than the rests between two series.
http.keepAliveTimeout = 120_000;

const io = new Server(http, {
  adapter: await redisAdapter(process.env.REDIS_URL),
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
});

// The documented way to free the memory of each client's first request.
io.engine.on("connection", (rawSocket) => {
  rawSocket.request = null;
});

io.use((socket, next) => {
  const { token } = socket.handshake.auth;
  if (typeof token !== "string") return next(new Error("Invalid access token"));
  socket.data.token = token;
  next();
});

io.on("connection", (socket) => {
  socket.on("join_chat", async ({ chat_id }, ack) => {
    await socket.join(`chat|${chat_id}`);
    ack?.({ ok: true });
  });
  socket.on("echo", (argument, ack) => ack?.(argument));
});

http.listen({ host, port: Number(port), backlog: 4096 });

async function redisAdapter(url) {
  if (!url) return undefined;
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", (error) => console.error(error));
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}

async function handle(request, response) {
  if (request.method !== "POST" || request.url !== "/broadcast") {
    return response.writeHead(404, { "content-length": 0 }).end();
  }
  await broadcast(await json(request));
  response.writeHead(200, { "content-length": 0 }).end();
}

async function broadcast({ room, rooms, count, size, interval_us }) {
  const start = performance.now();
  for (let seq = 0; seq < count; seq++) {
    const wait = start + (seq * interval_us) / 1000 - performance.now();
    if (interval_us > 0 && wait > 0) await sleep(wait);
    const to = rooms ? `chat|r${(Math.imul(seq, 2654435761) >>> 0) % rooms}` : room;
    io.to(to).emit("bench", argument(seq, size));
  }
}

// What makes `42["bench","<argument>"]` exactly `size` bytes.
function argument(seq, size) {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return `${seq} ${BigInt(micros) * 1000n} `.padEnd(size - '42["bench",""]'.length, "x");
}
