/**
 * Starts a worker on workerd, without a proxy in front of it. The tests start Roomcast in the same
 * way.
 */
import { createRequire } from "node:module";
import type { Target } from "./dialect.ts";
import { type Options, Runtime } from "../../tests/edge/runtime.ts";
import type { Server } from "./peer.ts";

export const workerdVersion: string = createRequire(import.meta.url)(
  "workerd/package.json",
).version;

export async function workerd(dialect: Target["dialect"], options: Options): Promise<Server> {
  const runtime = await Runtime.start(options);
  return {
    pid: runtime.pid,
    target: { dialect, port: Number(new URL(runtime.url).port) },
    stop: () => runtime.stop(),
    evict: (room) => runtime.evict(room),
  };
}
