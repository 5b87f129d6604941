import assert from "node:assert/strict";
import { test } from "node:test";
import { serveAssets } from "../edge/served-assets.ts";

const WORKER = new URL("../../client/dist/worker/index.js", import.meta.url).pathname;
const PAGE = '<meta name="roomcast-console" />';

test("the console is served below the base path", async (t) => {
  const url = await serveAssets(t, {
    assets: { "realtime/console.html": PAGE, "realtime/console/page-1a.js": "script()" },
    settings: { run_worker_first: ["/realtime/*"] },
    source: `
      import { createRoomcast } from "${WORKER}";
      export { RoomObject } from "${WORKER}";
      export default createRoomcast({ basePath: "/realtime" });`,
  });
  const text = async (path: string): Promise<string> => (await fetch(url + path)).text();
  assert.equal(await text("/realtime/console"), PAGE);
  assert.equal(await text("/realtime/console/page-1a.js"), "script()");
  assert.equal((await fetch(`${url}/console`)).status, 404);
});
