import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { Runtime, SECRET } from "./runtime.ts";
import { serveAssets } from "./served-assets.ts";

const PAGE = '<meta name="roomcast-console" />';
const CONSOLE = { "console.html": PAGE, "console/page-1a.js": "script()" };
/** The page of another app, which has routes of its own. */
const APP = { "index.html": "<title>the app</title>" };

const get = (url: string, init?: RequestInit): Promise<Response> =>
  fetch(url, { redirect: "manual", ...init });

async function assertNotFound(url: string): Promise<void> {
  const answer = await get(url);
  assert.equal(answer.status, 404, url);
  const { error } = (await answer.json()) as { error: { code: string } };
  assert.equal(error.code, "not_found", url);
}

describe("the console", { concurrency: true }, () => {
  test("is served with a strict policy, and only for GET", async (t) => {
    const url = await serveAssets(t, { assets: { ...CONSOLE, ...APP } });
    const page = await get(`${url}/console`);
    assert.equal(page.status, 200);
    assert.equal(await page.text(), PAGE);
    const { host } = new URL(url);
    const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://${host}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;
    const script = await get(`${url}/console/page-1a.js`);
    assert.equal(await script.text(), "script()");
    assert.match(script.headers.get("content-type")!, /^text\/javascript/);
    for (const { headers } of [page, script]) {
      assert.equal(headers.get("content-security-policy"), policy);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("referrer-policy"), "no-referrer");
    }
    // The page's URLs are relative to the path without a slash.
    const slash = await get(`${url}/console/`);
    assert.deepEqual([slash.status, slash.headers.get("location")], [307, "/console"]);
    const again = await get(`${url}/console`, {
      headers: { "if-none-match": page.headers.get("etag")! },
    });
    assert.equal(again.status, 304);

    for (const method of ["POST", "PUT", "DELETE"]) {
      const refused = await get(`${url}/console`, { method });
      assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET"], method);
    }
    await assertNotFound(`${url}/console/missing.js`);
    assert.equal(await (await get(`${url}/`)).text(), APP["index.html"]);
  });

  test("is not served with CONSOLE=off", async (t) => {
    const url = await serveAssets(t, { assets: CONSOLE, vars: { CONSOLE: "off" } });
    for (const path of ["console", "console/", "console.html", "console/page-1a.js"]) {
      await assertNotFound(`${url}/${path}`);
    }
    assert.equal((await get(`${url}/healthz`)).status, 200);
  });

  for (const handling of ["single-page-application", "404-page", "none"]) {
    test(`is never the page of the app, with ${handling}`, async (t) => {
      const assets = { ...APP, "404.html": "the app's 404" };
      const settings = { not_found_handling: handling };
      const url = await serveAssets(t, { assets, settings });
      for (const path of ["console", "console/page-1a.js"]) await assertNotFound(`${url}/${path}`);
    });
  }

  test("needs the binding ASSETS", async (t) => {
    const { url } = await start(t, {});
    await assertNotFound(`${url}/console`);
    await assertNotFound(`${url}/console/page-1a.js`);
  });

  test("is a configuration error with another value", async (t) => {
    const runtime = await start(t, { CONSOLE: "no" });
    const answer = await get(`${runtime.url}/healthz`);
    assert.equal(answer.status, 500);
    const [line] = runtime.logged("configuration_invalid");
    assert.match(String(line!.cause), /^CONSOLE must be on or off/);
  });
});

async function start(t: TestContext, vars: Record<string, string>): Promise<Runtime> {
  const runtime = await Runtime.start({ vars: { JWT_SECRET: SECRET, ...vars } });
  t.after(() => runtime.stop());
  return runtime;
}
