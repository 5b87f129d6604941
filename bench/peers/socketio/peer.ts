import { createRequire } from "node:module";
import { node } from "../node.ts";
import type { Peer } from "../peer.ts";

const { version }: { version: string } = createRequire(import.meta.url)("socket.io/package.json");

export const peer: Peer = {
  name: "socketio",
  title: "Socket.IO",
  version: `${version}, Node ${process.versions.node}`,
  setup: "in-memory adapter, connection state recovery, WebSocket only, no compression",
  lacks: ["storage (it recovers from memory)", "tokens"],
  can: new Set(["recover"]),
  start: () => node("socketio", new URL("server.js", import.meta.url)),
};
