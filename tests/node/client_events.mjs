// The stock Socket.IO client, as a browser or a service would use it: it remembers its cursor and gives it when it
// comes back. Tells everything that happens as JSON lines; takes commands, one a line, on standard input.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url, token, cursor: from, filter, auth, options } = JSON.parse(process.argv[2]);
let cursor = from;

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const socket = io(url, {
  reconnectionDelay: 20,
  reconnectionDelayMax: 100,
  ...options,
  auth: (give) => give(auth === undefined ? { token, cursor, filter } : auth),
});

socket.on("connect", () => {
  const engine = socket.io.engine;
  tell({ was: "connect", transport: engine.transport.name, recovered: socket.recovered });
  engine.once("upgrade", (transport) => tell({ was: "upgrade", transport: transport.name }));
});
socket.on("connect_error", (error) => tell({ was: "connect_error", message: error.message, data: error.data ?? null, active: socket.active }));
socket.on("disconnect", (reason) => tell({ was: "disconnect", reason, active: socket.active }));
socket.onAny((name, body) => {
  if (body.cursor) cursor = body.cursor;
  tell({ was: "event", name, body });
});

const commands = {
  disconnect: () => socket.disconnect(),
  connect: () => socket.connect(),
  emit: () => socket.emit("hello", { to: "you" }, (answer) => tell({ was: "ack", answer })),
  binary: () => socket.emit("hello", Buffer.from("bytes")),
};
createInterface({ input: process.stdin }).on("line", (line) => commands[line]());
