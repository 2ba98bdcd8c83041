// socket.io-parser's decoder, for packets in JSON lines; the lines are described in testkit/src/parser.rs.

import { readFileSync } from "node:fs";
import { Decoder } from "socket.io-parser";

const write = (message) => process.stdout.write(JSON.stringify(message) + "\n");

// Bytes as {"$bin": base64}. It is asked before Buffer.toJSON would be, and does not touch the value.
function print(value) {
  if (value === undefined) return null;
  return JSON.stringify(value, function (key, inner) {
    const original = this[key];
    return Buffer.isBuffer(original) ? { $bin: original.toString("base64") } : inner;
  });
}

function decode({ text, attachments }) {
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (decoded) => (packet = decoded));
  decoder.add(text);
  let count = 0;
  while (packet === undefined) {
    // Without a list: one byte each, the attachment's number.
    const bytes = attachments ? Buffer.from(attachments[count], "base64") : Buffer.of(count);
    decoder.add(bytes);
    count += 1;
  }
  return {
    type: packet.type,
    namespace: packet.nsp,
    id: packet.id === undefined ? null : String(packet.id),
    attachments: count,
    data: print(packet.data),
  };
}

// A packet's JSON with the placeholders filled as above, printed by the same program: so that texts can be compared.
function fill(value) {
  if (Array.isArray(value)) return value.map(fill);
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder === true) return Buffer.of(value.num);
  // By definition, as an assignment of __proto__ would not add a key.
  for (const key of Object.keys(value)) Object.defineProperty(value, key, { value: fill(value[key]) });
  return value;
}

function expected({ json, placeholders }) {
  if (json === null) return null;
  const value = JSON.parse(json);
  return print(placeholders ? fill(value) : value);
}

// Not by readline, for which U+2028 ends a line too.
for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const request = JSON.parse(line);
  const answer = { expected: expected(request) };
  try {
    answer.packet = decode(request);
  } catch (error) {
    answer.error = error.message;
  }
  write(answer);
}
