/**
 * Socket.IO with connection state recovery and without add-ons. It is configured as Socket.IO's
 * page on performance recommends.
 */
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
  // Saves memory: https://socket.io/docs/v4/performance-tuning/
  socket.conn.request = null;
  socket.on("publish", (data) => io.emit("event", data));
});

// Up to 4,096 connections may wait to be accepted. With the default of 511, the join storm would
// measure the kernel's retries.
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  process.send(server.address().port),
);
