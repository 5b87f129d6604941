/**
 * The server of these tests: the built worker if `ROOMCAST_RUNTIME` is `workerd`, and otherwise the
 * model behind real sockets.
 */
import { LiveModel } from "../model/live.ts";
import { tokenFor } from "../model/claims.ts";

export interface Runtime {
  /** Address of the server. `restart` may change the address. */
  readonly url: URL;
  /** Longest time until a dead connection is detected. */
  readonly pingMs: number;
  token(user: string, grants: string[], lifeMs: number): string | Promise<string>;
  /** Kills the server (`kill -9`) and starts it again with its stored data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startModel(): Promise<Runtime> {
  const pingMs = 2_000;
  // The contract's limit of retained events for a room whose events are published one by one.
  const live = new LiveModel({ pingMs, retained: 100_000 });
  await live.start();
  return {
    pingMs,
    get url() {
      return new URL(live.url);
    },
    token: (user, grants, lifeMs) => tokenFor(user, Date.now() + lifeMs, grants),
    async restart() {
      await live.stop();
      await live.start();
    },
    stop: () => live.stop(),
  };
}

export async function startRuntime(): Promise<Runtime> {
  if (process.env.ROOMCAST_RUNTIME !== "workerd") return startModel();
  const { startWorkerd } = await import("./workerd.ts");
  return startWorkerd();
}
