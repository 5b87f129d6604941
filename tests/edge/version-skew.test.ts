/**
 * During a deploy, a worker and a room's object may have different versions: new requests reach the
 * new worker, and an object may keep its version for five minutes. So the current version must
 * understand the calls of the version before, and must send calls that the version before
 * understands. `tests/recorded` has the calls of that version.
 *
 * If a test fails for a change of the calls, the change needs two releases. In the first release,
 * the receiver understands both forms, and the sender is unchanged. In the second release, the
 * sender uses the new form.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  type Answer,
  type Call,
  Caller,
  type RecordedExample,
  normalized,
} from "../recorded/calls.ts";
import { EXAMPLES } from "../recorded/examples.ts";
import { recorded } from "../recorded/versions.ts";

/** Recording of the version before. Each release changes it to its own recording. */
const BEFORE = "0.1.0-2026-11-29";

/** Headers of an upgrade that a room of the version before reads. It ignores any other header. */
const HEADERS = ["upgrade", "roomcast-identity", "roomcast-bridge", "sec-websocket-protocol"];

/** Fields of an answer that a worker of the version before reads. It ignores any other field. */
const ANSWER = ["status", "body", "retryAfter", "text", "subprotocol", "frames"];

const examples = await recorded<RecordedExample[]>(BEFORE, "calls.json");

describe(`a room of ${BEFORE} understands the worker`, () => {
  const caller = startBeforeTests();
  for (const { name, calls, response } of examples) {
    test(name, async () => {
      const example = EXAMPLES.find((example) => example.name === name);
      assert(example, "the example is still in EXAMPLES");
      await caller().play(calls.map(({ answer }) => answer));
      const received = normalized({ response: await example.run(caller()) });
      assert.deepEqual((await caller().calls()).map(asRead), calls.map(asRead));
      assert.deepEqual(received.response, response, "the worker understands the room's answer");
    });
  }
});

describe(`a worker of ${BEFORE} is understood by the room`, () => {
  const caller = startBeforeTests();
  for (const { name, calls } of examples)
    test(name, async () => {
      for (const call of calls)
        assert.deepEqual(answerAsRead(normalized(await caller().send(call))), call.answer);
    });
});

describe("a room ignores parts that only a later version knows", () => {
  const caller = startBeforeTests();
  const room = "later";
  const identity = { user: "ann", grant: ["subscribe", "later"], expires_at: null, later: [1] };

  test("in a request", async () => {
    const call = `GET\n/rooms/later/state?later=1\n${JSON.stringify(identity)}`;
    const { status } = await caller().send({ room, call, answer: { status: 200 } });
    assert.equal(status, 200);
  });

  test("in an upgrade", async () => {
    const text = JSON.stringify(identity);
    const { frames } = await caller().send({
      room,
      url: "https://room/rooms/later/events?state=0&later=1",
      headers: {
        upgrade: "websocket",
        "roomcast-identity": encodeURIComponent(text),
        "roomcast-bridge": "1000",
        "roomcast-later": "1",
      },
      frames: [
        { binary: text.replace('"later"', '"publish"') },
        { binary: '{"paused":false,"later":1}' },
        '{"type":"publish","name":"n","data":1,"ref":"1","later":1}',
      ],
      answer: {
        status: 101,
        frames: ["welcome", "authorized"].map((text) => ({ after: 0, text })),
      },
    });
    const types = frames!.map(({ text }) => JSON.parse(text).type);
    assert.deepEqual(types, ["welcome", "authorized"]);
    assert.deepEqual(JSON.parse(frames![1]!.text).grant, ["subscribe", "publish"]);
  });
});

/** Starts the worker before the tests of a suite, and stops it after them. */
function startBeforeTests(): () => Caller {
  const cleanups: (() => Promise<void>)[] = [];
  let caller: Caller;
  before(async () => {
    caller = await Caller.start({ after: (stop) => void cleanups.push(stop) });
  });
  after(async () => {
    for (const stop of cleanups) await stop();
  });
  return () => caller;
}

/** Returns the parts of a call that a room of the version before reads. */
function asRead({ room, call, body, url, headers = {}, frames }: Call): object {
  if (call !== undefined) {
    const [method, target, identity] = call.split("\n");
    return { room, method, target, body, ...identityIn(identity) };
  }
  const read = HEADERS.map((name) => [name, String(headers[name] ?? "")]);
  const { "roomcast-identity": identity, ...others } = Object.fromEntries(read);
  return { room, url, frames, others, ...identityIn(decodeURIComponent(identity)) };
}

/** Returns the parts of an answer that a worker of the version before reads. */
function answerAsRead(answer: Answer): object {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => ANSWER.includes(name)));
}

function identityIn(text: string | undefined): object {
  const { user, grant, expires_at } = JSON.parse(text ?? "");
  return { user, grant, expires_at };
}
