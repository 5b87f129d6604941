import { createRequire } from "node:module";
import { node } from "../node.ts";
import type { Peer } from "../peer.ts";

const { version }: { version: string } = createRequire(import.meta.url)("ws/package.json");

export const peer: Peer = {
  name: "ws",
  title: "ws",
  version: `${version}, Node ${process.versions.node}`,
  setup: "the broadcast example of its README",
  lacks: ["storage", "recovery", "rooms", "tokens"],
  can: new Set(),
  start: () => node("ws", new URL("server.js", import.meta.url)),
};
