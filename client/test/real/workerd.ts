/** Starts the built worker on the real runtime, as the worker's own tests do. */
import { claims, seconds, sign, type Grant } from "../../../tests/edge/jwt.ts";
import { Runtime as Workerd, SECRET, type Options } from "../../../tests/edge/runtime.ts";
import type { Runtime } from "./runtime.ts";

export async function startWorkerd(options?: Options): Promise<Runtime> {
  const workerd = await Workerd.start(options);
  return {
    pingMs: 25_000,
    get url() {
      return new URL(workerd.url);
    },
    token: (user, grants, lifeMs) =>
      sign({ ...claims(user, grants as Grant[]), exp: seconds(lifeMs / 1_000) }, SECRET),
    async restart() {
      await workerd.kill();
      await workerd.restart();
    },
    stop: () => workerd.stop(),
  };
}
