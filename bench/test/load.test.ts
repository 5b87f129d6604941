/** The load program counts what is there: it is what every figure stands on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type Server, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { dialects } from "../peers/dialects.ts";
import { Socket } from "../load/socket.ts";
import { Tally, data } from "../load/tally.ts";

test("frames are heard whole, in whatever pieces they come", async (t) => {
  const texts = ["{}", data(1, 120), "x".repeat(200), data(2, 70_000), "y"];
  const stream = Buffer.concat([
    Buffer.from("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ...texts.map(fromServer),
  ]);
  for (const piece of [1, 2, 3, 7, 130, 4096, stream.length]) {
    const port = await serving(t, stream, piece);
    const heard: string[] = [];
    const all = Promise.withResolvers<void>();
    const socket = new Socket(
      port,
      dialects.plain,
      { room: "r", user: "u" },
      {
        entered() {},
        lost: (_, why) => all.reject(new Error(why)),
        frame(_, buffer, start, end) {
          heard.push(buffer.toString("utf8", start, end));
          if (heard.length === texts.length) all.resolve();
        },
      },
    );
    await all.promise;
    socket.drop();
    assert.deepEqual(heard, texts, `in pieces of ${piece}`);
  }
});

test("an event that is missing, doubled or out of order is counted as that", () => {
  const tally = new Tally(1);
  const take = (had: number, ...numbers: number[]): number => {
    const frame = Buffer.from(numbers.map((n) => data(n, 50)).join());
    return tally.take(tally.run(frame, 0, frame.length)!, had);
  };
  let had = take(0, 1, 2, 3);
  assert.deepEqual([had, tally.events, tally.missing, tally.misordered], [3, 3, 0, 0]);
  had = take(had, 5);
  assert.deepEqual([had, tally.events, tally.missing, tally.misordered], [5, 4, 1, 0]);
  had = take(had, 5, 6);
  assert.deepEqual([had, tally.events, tally.missing, tally.misordered], [6, 6, 1, 1]);
  assert.deepEqual([...tally.doneAt.keys()], [1, 2, 3, 5, 6]);
  assert.throws(() => take(had, 7, 9), /event 9 behind event 7/);
});

test("an event is done when the last socket has it", () => {
  const tally = new Tally(2);
  tally.take({ first: 1, last: 2 }, 0);
  assert.equal(tally.doneAt.size, 0);
  tally.take({ first: 1, last: 1 }, 0);
  assert.deepEqual([...tally.doneAt.keys()], [1]);
});

/** A frame of text as a server sends it: not masked. */
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

/** A server that answers whatever it is asked with these bytes, so many at a time. */
async function serving(t: TestContext, bytes: Buffer, piece: number): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true).on("error", () => {});
    socket.once("data", () => {
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) return;
        // The large frame in larger pieces, or this takes minutes.
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
