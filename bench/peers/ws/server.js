/**
 * Broadcasts every event to every client, like the example in the README of ws. It stores nothing.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocket, WebSocketServer } from "ws";

const server = createServer(async (request, response) => {
  for (const data of JSON.parse(await text(request))) broadcast(JSON.stringify(data));
  response.end("{}");
});

const sockets = new WebSocketServer({ server });

sockets.on("connection", (socket) => {
  socket.on("error", console.error);
  socket.on("message", (data) => broadcast(data.toString()));
});

function broadcast(event) {
  for (const socket of sockets.clients) {
    if (socket.readyState === WebSocket.OPEN) socket.send(event);
  }
}

// Up to 4,096 connections may wait to be accepted. With the default of 511, the join storm would
// measure the kernel's retries.
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  process.send(server.address().port),
);
