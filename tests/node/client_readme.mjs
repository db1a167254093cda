// The line that the documentation shows must work as it stands.
import { io } from "socket.io-client";

const { url, token } = JSON.parse(process.argv[2]);
const console = { log: (event) => process.stdout.write(`${JSON.stringify({ was: "logged", event })}\n`) };

const socket = io(url, { auth: { token } });
socket.on('evolution-event', (event) => { if (event.instance === 'minha-instancia') console.log(event); });
socket.on("ready", () => process.stdout.write(`${JSON.stringify({ was: "ready" })}\n`));
