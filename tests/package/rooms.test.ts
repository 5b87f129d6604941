/** Tests of the functions that call a room from a worker, without HTTP and without a token. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { Socket } from "../edge/client.ts";
import { dev } from "./dev.ts";
import { fileCleanup, project } from "./package.ts";

let url: string;
const owner = fileCleanup();

before(async () => {
  const folder = await project(owner, "own");
  const path = join(folder, "wrangler.jsonc");
  const config = JSON.parse(await readFile(path, "utf8"));
  const vars = { ROOM_SETTINGS: { "eu:*": { jurisdiction: "eu", location_hint: "weur" } } };
  await writeFile(path, JSON.stringify({ ...config, vars }));
  url = await dev(owner, folder);
});

for (const binding of ["ROOMS", "SERVICE"]) {
  describe(`by the binding ${binding}`, () => {
    /** Lets the worker call one of the functions. */
    async function call(name: string, argument: unknown, room = binding): Promise<any> {
      const query = new URLSearchParams({ room, ...(binding === "SERVICE" && { service: "" }) });
      const body = typeof argument === "string" ? argument : JSON.stringify(argument);
      const answer = await fetch(`${url}/own/${name}?${query}`, { method: "POST", body });
      return answer.json();
    }

    test("events are published, read, and have the name that the call gives", async () => {
      const { epoch, seqs } = await call("publish", [
        { name: "said", data: { n: 1.5 }, key: "k" },
        { name: "refused", data: 2 },
      ]);
      assert.deepEqual(seqs, [1, 2]);
      assert.deepEqual((await call("publish", { name: "said", data: 3, id: "i" })).seqs, [3]);
      assert.deepEqual((await call("publish", { name: "said", data: 3, id: "i" })).seqs, [3]);
      await call("publishAs", "billing");
      const { events, head } = await call("events", { since: `${epoch}:1`, limit: 10 });
      assert.deepEqual(
        events.map(({ from }: { from: string }) => from),
        ["server", "server", "billing"],
      );
      assert.equal(head, 4);
      assert.equal((await call("events", { last: 1 })).events[0].seq, 4);
      const older = await call("events", { before: `${epoch}:3`, limit: 2 });
      assert.deepEqual([older.prev, older.events.length], [1, 2]);
      const state = await call("state", "");
      assert.deepEqual([state.seq, state.events[0].data], [4, { n: 1.5 }]);
    });

    test("a client receives the events, and its user is kicked and its room erased", async () => {
      const room = `${binding}:live`;
      const open = () =>
        Socket.open(`${url}/realtime/rooms/${room}/events`, { token: "session-ann" });
      const [kicked, too] = [await open(), await open()];
      await kicked.until("welcome");
      await too.until("welcome");
      await call("publish", { name: "said", data: 1 }, room);
      assert.equal((await kicked.until("events")).events[0].from, "server");
      await call("close", "ann", room);
      assert.equal((await kicked.closed()).code, 4010);
      assert.equal((await too.until("events")).events.length, 1);
      assert.equal((await too.closed()).code, 4010);
      const again = await open();
      await again.until("welcome");
      assert.equal(await call("erase", "", room), null);
      assert.equal((await again.closed()).code, 4011);
      assert.deepEqual((await call("events", {}, room)).events, []);
    });

    test("an error is a RoomcastError with a code", async () => {
      const errors = [
        [await call("publish", [], "a"), "bad_request"],
        [await call("publish", { name: "", data: 1 }, "a"), "bad_request"],
        [await call("publish", { name: "n", data: 1 }, "a/b"), "bad_request"],
        [await call("publish", { name: "n", data: "x".repeat(1 << 20) }, "a"), "too_large"],
        [await call("publishAs", "", "a"), "bad_request"],
        [await call("publishAs", "x".repeat(129), "a"), "bad_request"],
        [await call("events", { since: "AAAAAAAA:7" }, "a"), "position_lost"],
        [await call("close", "", "a"), "bad_request"],
      ];
      for (const [error, code] of errors) {
        assert.deepEqual([error.name, error.code], ["RoomcastError", code], error.message);
      }
    });
  });
}

test("a call asks for the jurisdiction and the location hint of the room", async () => {
  const place = async (room: string) =>
    (await fetch(`${url}/own/place?room=${room}`, { method: "POST" })).json();
  assert.deepEqual(await place("eu:1"), { name: "eu:1", jurisdiction: "eu", locationHint: "weur" });
  assert.deepEqual(await place("us:1"), { name: "us:1" });
});

test("a room rejects a visitor's request, also with a forged identity", async () => {
  const identity = { user: "eve", grant: ["admin"], expires_at: Number.MAX_SAFE_INTEGER };
  const headers = { "roomcast-identity": encodeURIComponent(JSON.stringify(identity)) };
  const room = `${url}/rooms/forwarded`;
  for (const init of [{ method: "DELETE", headers }, { headers }, {}]) {
    assert.equal((await fetch(room, init)).status, 500);
  }
});

test("the worker's own routes are beside those of Roomcast", async () => {
  const text = async (path: string) => (await fetch(url + path)).text();
  assert.equal(await text("/realtime/healthz"), "ok");
  for (const path of ["/", "/healthz", "/realtimes/healthz"]) {
    assert.equal(await text(path), "a page of the worker's own", path);
  }
  assert.equal((await fetch(`${url}/realtime/rooms/a/`)).status, 404);
});
