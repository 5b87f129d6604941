import type { Dialect } from "../dialect.ts";

// https://socket.io/docs/v4/socket-io-protocol/ and /engine-io-protocol/, as text.
const OPEN = "0";
const PING = "2";
const PONG = "3";
const CONNECT = "40";

export const socketio: Dialect = {
  upgrade: () => ({ path: "/socket.io/?EIO=4&transport=websocket" }),
  hear(text, socket, { since }) {
    if (text === PING) socket.send(PONG);
    else if (text.startsWith(CONNECT)) {
      socket.session = JSON.parse(text.slice(CONNECT.length)).pid;
      socket.entered();
    } else if (text.startsWith(OPEN)) socket.send(CONNECT + (since ?? ""));
  },
  publish: (_, data) => `42["publish",${data}]`,
  post: (room, data) => ({ path: `/${room}`, body: `[${data.join(",")}]` }),
  // A packet's offset is its last argument.
  position: (frame, pid) => JSON.stringify({ pid, offset: JSON.parse(frame.slice(2)).at(-1) }),
};
