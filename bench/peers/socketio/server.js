/** Socket.IO with connection state recovery, and what its page on performance says without add-ons. */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Server } from "socket.io";

const server = createServer(async (request, response) => {
  for (const data of JSON.parse(await text(request))) io.emit("event", data);
  response.end("{}");
});

const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
});

io.on("connection", (socket) => {
  // Memory: https://socket.io/docs/v4/performance-tuning/
  socket.conn.request = null;
  socket.on("publish", (data) => io.emit("event", data));
});

// 4,096 may wait to be accepted: the default of 511 would measure the kernel's patience.
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  process.send(server.address().port),
);
