/**
 * What the tests here run against: the model behind real sockets, or with
 * `ROOMCAST_RUNTIME=workerd` the worker as it was built.
 */
import { LiveModel } from "../model/live.ts";
import { tokenFor } from "../model/claims.ts";

export interface Runtime {
  /** Where it answers; may be another after `restart`. */
  readonly url: URL;
  /** How long a dead connection may go unnoticed. */
  readonly pingMs: number;
  token(user: string, grants: string[], lifeMs: number): string | Promise<string>;
  /** Ends it the hard way (`kill -9`) and starts it again on what it had stored. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startModel(): Promise<Runtime> {
  const pingMs = 2_000;
  // The limit of the contract, in events that are published one by one.
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
