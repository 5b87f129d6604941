import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SseParser, type SseEvent } from "../../src/fallback/sse-parser.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses a text that is received in several pieces. */
function read(...pieces: Uint8Array[]): SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => [...parser.parse(piece)]);
}

const event = (fields: Partial<SseEvent>): SseEvent => ({
  event: undefined,
  id: undefined,
  data: undefined,
  ...fields,
});

const STREAM = `id: h7Qk2pXa:41

:

event: state
id: h7Qk2pXa:41
data: {"type":"state"}

id: h7Qk2pXa:42
data: {"data":[
data:1,
data:  "Grüße 🌍"
data: ]}

event:closed
data

`;

const READ = [
  event({ id: "h7Qk2pXa:41" }),
  event({ event: "state", id: "h7Qk2pXa:41", data: '{"type":"state"}' }),
  event({ id: "h7Qk2pXa:42", data: '{"data":[\n1,\n "Grüße 🌍"\n]}' }),
  event({ event: "closed", data: "" }),
];

describe("events", () => {
  for (const [name, end] of Object.entries({ LF: "\n", CR: "\r", CRLF: "\r\n" })) {
    it(`are the same wherever the stream is split (${name})`, () => {
      const stream = bytesOf(STREAM.replaceAll("\n", end));
      assert.deepEqual(read(stream), READ);
      for (let cut = 1; cut < stream.length; cut++) {
        assert.deepEqual(read(stream.subarray(0, cut), stream.subarray(cut)), READ, `at ${cut}`);
      }
      const bytes = Array.from(stream, (_, n) => stream.subarray(n, n + 1));
      assert.deepEqual(read(...bytes), READ, "byte by byte");
    });
  }

  it("are complete after their last line, which ends with CR or LF", () => {
    assert.equal(read(bytesOf("id: a\n\n")).length, 1);
    assert.equal(read(bytesOf("id: a\r\r")).length, 1);
    assert.equal(read(bytesOf("id: a\r\n\r\n")).length, 1);
    assert.equal(read(bytesOf("id: a\n")).length, 0);
  });

  it("are not created from comments", () => {
    assert.deepEqual(read(bytesOf(":\n\n: keep going\n\n\n")), []);
  });
});
