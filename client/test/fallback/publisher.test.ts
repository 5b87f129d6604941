import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { at, HttpScenario, streamReader } from "./http-scenario.ts";

let scenario: HttpScenario;

/** Publishes events. The `ref` of each publish is the event's name. */
async function publish(...names: string[]): Promise<void> {
  for (const name of names) {
    await scenario.send({ type: "publish", room: "r", ref: name, name, data: 1, id: name });
  }
}

const namesOf = ({ json }: { json: { events: { name: string }[] } }): string =>
  json.events.map(({ name }) => name).join();

/** Returns acks as `ref=seq` and errors as `ref code`. */
const answers = (): string[] =>
  scenario
    .readFrames()
    .map(({ type, ref, seq, code }) => (type === "ack" ? `${ref}=${seq}` : `${ref} ${code}`));

beforeEach(async () => {
  scenario = new HttpScenario("rooms/r/events", streamReader);
  await scenario.nextRequest("GET events").write(`id: ${at(0)}\n\n`);
  scenario.readFrames();
});

describe("publishes", () => {
  it("are sent in order: publishes that are made during a request share the next request", async () => {
    await publish("a", "b", "c");
    const first = scenario.nextRequest("POST events");
    assert.deepEqual(first.json, { events: [{ name: "a", data: 1, id: "a" }] });
    assert.equal(scenario.requests.length, 0);
    await first.respond({ seqs: [1] }, 201);
    const second = scenario.nextRequest("POST events");
    assert.equal(namesOf(second), "b,c");
    await second.respond({ seqs: [2, 3] }, 201);
    assert.deepEqual(answers(), ["a=1", "b=2", "c=3"]);
    await publish("d");
    assert.equal(namesOf(scenario.nextRequest("POST events")), "d");
  });

  it("share a body only within the size limit", async () => {
    await publish("a");
    for (const name of ["b", "c", "d"]) {
      const data = "€".repeat(120_000);
      await scenario.send({ type: "publish", room: "r", ref: name, name, data });
    }
    await scenario.nextRequest("POST events").respond({ seqs: [1] });
    const second = scenario.nextRequest("POST events");
    assert.equal(namesOf(second), "b,c");
    assert.ok(Buffer.byteLength(String(second.init.body)) < 1024 * 1024);
    await second.respond({ seqs: [2, 3] });
    assert.equal(namesOf(scenario.nextRequest("POST events")), "d");
  });

  it("are sent one by one after one publish of a batch is rejected", async () => {
    await publish("a", "b", "bad", "c");
    await scenario.nextRequest("POST events").respond({ seqs: [1] });
    await scenario.nextRequest("POST events").refuse(413, "too_large");
    await publish("d");
    for (const [name, seq] of [["b", 2], ["bad"], ["c", 3], ["d", 4]] as const) {
      const alone = scenario.nextRequest("POST events");
      assert.equal(namesOf(alone), name);
      await (seq ? alone.respond({ seqs: [seq] }) : alone.refuse(413, "too_large"));
    }
    assert.deepEqual(answers(), ["a=1", "b=2", "bad too_large", "c=3", "d=4"]);
    await publish("e", "f", "g");
    await scenario.nextRequest("POST events").respond({ seqs: [5] });
    assert.equal(namesOf(scenario.nextRequest("POST events")), "f,g");
  });

  it("fail together with an earlier publish that failed, so that a retry keeps their order", async () => {
    await publish("a", "b");
    await scenario.nextRequest("POST events").fail();
    assert.deepEqual(answers(), ["a internal", "b internal"]);
    assert.equal(scenario.requests.length, 0);

    await publish("a", "b");
    const headers = { "retry-after": "3" };
    await scenario.nextRequest("POST events").refuse(429, "rate_limited", headers);
    const errors = scenario.readFrames();
    assert.deepEqual(
      errors.map(({ ref, code, retry_after_ms }) => [ref, code, retry_after_ms]),
      [
        ["a", "rate_limited", 3_000],
        ["b", "rate_limited", 3_000],
      ],
    );

    await publish("a");
    await scenario.nextRequest("POST events").respondAsProxy(403);
    assert.deepEqual(answers(), ["a internal"], "the proxy forbids it, not the server");
    assert.equal(scenario.code, undefined);
  });

  it("without a grant are rejected, and an expired token closes the socket", async () => {
    await publish("a");
    await scenario.nextRequest("POST events").refuse(403, "forbidden");
    assert.deepEqual(answers(), ["a forbidden"]);
    await publish("b", "c", "d");
    await scenario.nextRequest("POST events").refuse(401, "token_expired");
    assert.deepEqual([scenario.code, scenario.requests.length, answers()], [4001, 0, []]);
  });

  it("are not sent after a close: the next socket sends them again", async () => {
    await publish("a", "b");
    scenario.socket.close();
    await scenario.nextRequest("POST events").respond({ seqs: [1] });
    assert.equal(scenario.requests.length, 0);
  });
});

describe("signals", () => {
  it("are sent one at a time, the newest of each name", async () => {
    const signal = (name: string, data: unknown) =>
      scenario.send({ type: "signal", room: "r", name, data });
    await signal("typing", 1);
    const first = scenario.nextRequest("POST signals");
    assert.deepEqual(first.json, { name: "typing", data: 1 });
    for (const data of [2, 3]) await signal("typing", data);
    await signal("cursor", 1);
    assert.equal(scenario.requests.length, 0);
    await first.respond({}, 202);
    const second = scenario.nextRequest("POST signals");
    assert.deepEqual(second.json, { name: "typing", data: 3 });
    await second.fail();
    const third = scenario.nextRequest("POST signals");
    assert.deepEqual(third.json, { name: "cursor", data: 1 });
    await third.respond({}, 202);
    assert.deepEqual([scenario.requests.length, scenario.readFrames()], [0, []]);
  });
});
