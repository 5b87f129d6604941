/**
 * Tests that the load generator parses frames and counts events correctly, because every figure
 * depends on this.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Server, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { dialects } from "../peers/dialects.ts";
import { Socket } from "../load/socket.ts";
import { EventCounter, eventData } from "../load/events.ts";

test("frames that arrive in pieces of any size are parsed", async (t) => {
  const texts = ["{}", eventData(1, 120), "x".repeat(200), eventData(2, 70_000), "y"];
  const stream = Buffer.concat([
    Buffer.from("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ...texts.map(fromServer),
  ]);
  for (const piece of [1, 2, 3, 7, 130, 4096, stream.length]) {
    const port = await serving(t, stream, piece);
    const received: string[] = [];
    const all = Promise.withResolvers<void>();
    const socket = new Socket(
      port,
      dialects.plain,
      { room: "r", user: "u" },
      {
        onJoined() {},
        onLost: (_, why) => all.reject(new Error(why)),
        onFrame(_, buffer, start, end) {
          received.push(buffer.toString("utf8", start, end));
          if (received.length === texts.length) all.resolve();
        },
      },
    );
    await all.promise;
    socket.terminate();
    assert.deepEqual(received, texts, `in pieces of ${piece}`);
  }
});

test("a missing, repeated or misordered event is counted", () => {
  const counter = new EventCounter(1);
  const record = (last: number, ...numbers: number[]): number => {
    const frame = Buffer.from(numbers.map((n) => eventData(n, 50)).join());
    return counter.record(counter.parse(frame, 0, frame.length)!, last);
  };
  const counts = () => [counter.events, counter.missing, counter.misordered];
  let last = record(0, 1, 2, 3);
  assert.deepEqual([last, ...counts()], [3, 3, 0, 0]);
  last = record(last, 5);
  assert.deepEqual([last, ...counts()], [5, 4, 1, 0]);
  last = record(last, 5, 6);
  assert.deepEqual([last, ...counts()], [6, 6, 1, 1]);
  assert.deepEqual([...counter.deliveredAt.keys()], [1, 2, 3, 5, 6]);
  assert.throws(() => record(last, 7, 9), /event 9 follows event 7/);
});

test("an event is delivered when the last socket has received it", () => {
  const counter = new EventCounter(2);
  counter.record({ first: 1, last: 2 }, 0);
  assert.equal(counter.deliveredAt.size, 0);
  counter.record({ first: 1, last: 1 }, 0);
  assert.deepEqual([...counter.deliveredAt.keys()], [1]);
});

/** Returns a text frame as a server sends it, without a mask. */
function fromServer(text: string): Buffer {
  const { length } = text;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Starts a server that answers every request with these bytes, `piece` bytes at a time. */
async function serving(t: TestContext, bytes: Buffer, piece: number): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true).on("error", () => {});
    socket.once("data", () => {
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) return;
        // The large frame is sent in larger pieces. Otherwise the test would take minutes.
        const size = at > 600 && at < bytes.length - 600 ? Math.max(piece, 5000) : piece;
        socket.write(bytes.subarray(at, (at += size)), () => setImmediate(next));
      };
      next();
    });
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}
