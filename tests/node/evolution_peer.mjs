// A server on the real `socket.io` package that behaves as Evolution API 2.3.7 does on its socket: lazily made namespaces,
// the key asked for at the handshake, both emissions, binary packets. It is told what to do by JSON lines on standard
// input and answers each with a line on standard output; the first line tells the port.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const options = { key: null, disabled: false, globalEvents: true, pingInterval: 25000, pingTimeout: 20000, connectTimeout: 45000, ...JSON.parse(process.argv[2] ?? "{}") };

let http, io;
let port = options.port ?? 0;
let sockets = new Set();
let handshakes = []; // one for each: the address asked for and the headers that matter
let heard = []; // every Engine.IO packet that a client sent

const refusals = { missing: "apiKey is required", wrong: "Invalid global token", broken: "Authentication error" };

function judge(request, answer) {
  const url = new URL(request.url, "http://peer");
  handshakes.push({ url: request.url, apikey: request.headers.apikey ?? null, extensions: request.headers["sec-websocket-extensions"] ?? null });
  if (options.broken) return answer(refusals.broken, false);
  if (options.key === null) return answer(null, true);
  const given = url.searchParams.get("apikey") ?? request.headers.apikey;
  if (!given) return answer(refusals.missing, false);
  return given === options.key ? answer(null, true) : answer(refusals.wrong, false);
}

function admit(socket, next) {
  if (socket.handshake.auth.token === options.token) return next();
  next(Object.assign(new Error("auth_invalid"), { data: { code: "auth_invalid" } }));
}

function notFound(request, response) {
  const body = { status: 404, error: "Not Found", response: { message: [`Cannot ${request.method} ${request.url}`] } };
  response.writeHead(404, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

function listen() {
  http = createServer(notFound);
  http.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  io = null;
  if (!options.disabled) {
    const { pingInterval, pingTimeout, connectTimeout } = options;
    io = new Server(http, { allowRequest: judge, pingInterval, pingTimeout, connectTimeout });
    if (options.token) io.use(admit); // not Evolution's: for the client that gives a token in CONNECT
    io.engine.on("connection", (client) => {
      client.on("packet", (packet) => heard.push({ type: packet.type, data: packet.data === undefined ? null : String(packet.data) }));
    });
  }
  return new Promise((resolve) => {
    http.listen(port, "127.0.0.1", () => {
      port = http.address().port;
      resolve();
    });
  });
}

async function goDown() {
  for (const socket of sockets) socket.destroy();
  const closed = new Promise((resolve) => http.close(resolve));
  if (io !== null) io.engine.close();
  await closed;
  sockets = new Set();
}

// `{"$bytes": "<base64>"}` stands for a Uint8Array, as Evolution has them inside messages.
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if (typeof value.$bytes === "string") return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revive(member)]));
}

function emit({ instance, event, envelope, namespaces = true }) {
  const revived = revive(envelope);
  if (options.globalEvents) io.emit(event, revived);
  if (namespaces) io.of(`/${instance}`).emit(event, revived);
}

function envelope(instance, data) {
  return { event: "messages.upsert", instance, data, server_url: "http://127.0.0.1", date_time: "2026-11-23T11:46:12.999Z", apikey: `tok-${instance}` };
}

const commands = {
  async emit(command) {
    emit(command);
  },
  async burst({ instance, count, size = 1000, namespaces = true }) {
    const text = "x".repeat(size);
    for (let number = 1; number <= count; number++) emit({ instance, event: "messages.upsert", namespaces, envelope: envelope(instance, { number, text }) });
  },
  async big({ instance, bytes }) {
    emit({ instance, event: "messages.set", envelope: { ...envelope(instance, []), event: "messages.set", data: [{ text: "y".repeat(bytes) }] } });
  },
  async attachments({ instance, count, bytes }) {
    const data = Array.from({ length: count }, (_, at) => new Uint8Array(bytes).fill(at % 256));
    emit({ instance, event: "messages.set", envelope: { ...envelope(instance, data), event: "messages.set" } });
  },
  async set(changes) {
    Object.assign(options, changes.options);
  },
  async restart({ down_ms = 0 }) {
    await goDown();
    await new Promise((resolve) => setTimeout(resolve, down_ms));
    await listen();
  },
  async down() {
    await goDown();
  },
  async up() {
    await listen();
  },
  async drop() {
    for (const socket of sockets) socket.destroy();
  },
  async kick({ namespace }) {
    io.of(namespace).disconnectSockets(false);
  },
  async state() {
    const joined = io === null ? {} : Object.fromEntries([...io._nsps].map(([name, namespace]) => [name, namespace.sockets.size]));
    return { joined, tcp: sockets.size, handshakes, heard };
  },
  async forget() {
    handshakes = [];
    heard = [];
  },
};

await listen();
process.stdout.write(`${JSON.stringify({ port })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const answer = await commands[command.do](command);
  process.stdout.write(`${JSON.stringify(answer ?? {})}\n`);
}
process.exit(0);
