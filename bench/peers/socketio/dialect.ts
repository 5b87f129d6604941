import type { Dialect } from "../dialect.ts";

// Types of text packets: https://socket.io/docs/v4/socket-io-protocol/ and /engine-io-protocol/
const OPEN = "0";
const PING = "2";
const PONG = "3";
const CONNECT = "40";

export const socketio: Dialect = {
  upgrade: () => ({ path: "/socket.io/?EIO=4&transport=websocket" }),
  onControlFrame(text, socket, { since }) {
    if (text === PING) socket.send(PONG);
    else if (text.startsWith(CONNECT)) {
      socket.session = JSON.parse(text.slice(CONNECT.length)).pid;
      socket.joined();
    } else if (text.startsWith(OPEN)) socket.send(CONNECT + (since ?? ""));
  },
  publish: (_, data) => `42["publish",${data}]`,
  post: (room, data) => ({ path: `/${room}`, body: `[${data.join(",")}]` }),
  // The last argument of a packet is its offset.
  position: (frame, pid) => JSON.stringify({ pid, offset: JSON.parse(frame.slice(2)).at(-1) }),
};
