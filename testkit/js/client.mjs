// socket.io-client, driven by JSON lines; the protocol is described in testkit/src/driver.rs.

import { createInterface } from "node:readline";
import { Manager } from "socket.io-client";

let manager = null;
const sockets = new Map();
const acks = new Map();
// Namespaces that the test is connecting; a connect of any other is a reconnect.
const asked = new Set();

const write = (message) => process.stdout.write(JSON.stringify(message) + "\n");

function fromLine(value) {
  if (Array.isArray(value)) return value.map(fromLine);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bin === "string") return Buffer.from(value.$bin, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromLine(inner)]));
}

function toLine(value) {
  if (value === undefined) return null;
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return { $bin: Buffer.from(value).toString("base64") };
  if (value instanceof ArrayBuffer) return { $bin: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(toLine);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toLine(inner)]));
}

function open({ url, transports, reconnection }) {
  for (const socket of sockets.values()) socket.disconnect();
  sockets.clear();
  manager = new Manager(url, {
    transports,
    reconnection,
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
    autoConnect: false,
  });
  manager.on("open", () => {
    const { engine } = manager;
    write({ report: "transport", name: engine.transport.name });
    engine.on("upgrade", (transport) => write({ report: "transport", name: transport.name }));
  });
}

function watch(socket, namespace) {
  socket.on("connect", () => {
    if (asked.has(namespace)) asked.delete(namespace);
    else write({ report: "reconnect", namespace });
  });
  socket.on("disconnect", (reason) => write({ report: "disconnect", namespace, reason }));
  socket.onAny((event, ...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : null;
    write({ report: "event", namespace, event, args: toLine(args) });
    const key = JSON.stringify([namespace, event]);
    if (ack && acks.has(key)) ack(acks.get(key));
  });
}

function connect(request) {
  const { namespace, auth } = request;
  if (!["opening", "open"].includes(manager?.engine?.readyState)) open(request);
  const socket = manager.socket(namespace);
  if (sockets.get(namespace) !== socket) {
    sockets.set(namespace, socket);
    watch(socket, namespace);
  }
  socket.auth = fromLine(auth) ?? {};
  asked.add(namespace);
  return new Promise((resolve, reject) => {
    const connected = () => {
      socket.off("connect_error", refused);
      resolve(null);
    };
    const refused = ({ message, data }) => {
      socket.off("connect", connected);
      socket.disconnect();
      asked.delete(namespace);
      reject(data === undefined ? { message } : { message, data: toLine(data) });
    };
    socket.once("connect", connected);
    socket.once("connect_error", refused);
    socket.connect();
  });
}

const operations = {
  connect,
  emit: ({ namespace, event, args }) => {
    sockets.get(namespace).emit(event, ...fromLine(args));
    return null;
  },
  call: ({ namespace, event, args, timeout }) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject({ message: "timeout" }), timeout);
      sockets.get(namespace).emit(event, ...fromLine(args), (...answer) => {
        clearTimeout(timer);
        resolve(toLine(answer));
      });
    }),
  answer: ({ namespace, event, ack }) => {
    acks.set(JSON.stringify([namespace, event]), fromLine(ack));
    return null;
  },
  disconnect: ({ namespace }) => {
    sockets.get(namespace).disconnect();
    return null;
  },
  sid: ({ namespace }) => sockets.get(namespace).id,
  transport: () => manager.engine.transport.name,
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  // Not awaited: a request that waits must not hold up the next one.
  (async () => {
    try {
      write({ id: request.id, ok: await operations[request.op](request) });
    } catch (error) {
      write({ id: request.id, error: error instanceof Error ? { message: String(error.stack) } : error });
    }
  })();
}
process.exit(0);
