/** Tests of the errors that an app receives, and of its debug log. */
import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { RoomcastError, type ClientOptions } from "../src/index.ts";
import { fetchFrom } from "./model/http.ts";
import { advance } from "./model/network.ts";
import { tokenFor } from "./model/claims.ts";
import { clientOf, cutAll, describeBoth, HOUR, network, server } from "./fixture.ts";

/** Creates a client and records its errors. */
function recordingClient(options: Partial<ClientOptions> = {}) {
  const errors: RoomcastError[] = [];
  const client = clientOf({ onError: (error) => errors.push(error), ...options });
  return { client, errors, codes: () => errors.map(({ code }) => code) };
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("no error"),
    (error: unknown) => error,
  );

describeBoth("an error of `token`", () => {
  const mine = new Error("no session");

  it("is reported to `onError` once for several failures in a row, and in the status", async () => {
    const token = mock.fn((): string => {
      throw mine;
    });
    const { client, errors } = recordingClient({ token });
    const room = client.room("room");
    client.room("other").on(() => {});
    room.on(() => {});
    await advance(5_000);
    assert.ok(token.mock.callCount() > 1);
    const [error] = errors;
    assert.equal(errors.length, 1);
    assert.ok(error instanceof RoomcastError);
    assert.deepEqual([error.code, error.cause], ["token_failed", mine]);
    assert.match(error.message, /no session/);
    assert.equal(room.connection.reason, "token_failed");
    assert.equal(room.connection.error?.cause, mine);

    token.mock.mockImplementation(() => tokenFor("alice", Date.now() + HOUR));
    await advance(30_000);
    assert.deepEqual([room.status, room.connection.error], ["connected", undefined]);
    token.mock.mockImplementation(() => {
      throw mine;
    });
    client.reconnect();
    await advance(5_000);
    assert.equal(errors.length, 2);
  });

  it("is the only error, even if the timeout follows", async () => {
    const ends = new AbortController();
    const timeout = mock.method(AbortSignal, "timeout", () => ends.signal);
    const { client, codes } = recordingClient({
      token: () => {
        throw mine;
      },
    });
    client.room("room").on(() => {});
    await advance(100);
    // An unhandled rejection fails the test.
    ends.abort(new Error("too late"));
    await advance(100);
    assert.deepEqual(codes(), ["token_failed"]);
    timeout.mock.restore();
  });

  it("is logged to the console without `onError`", async () => {
    const logged = mock.method(console, "error", () => {});
    clientOf({ token: () => Promise.reject(mine) })
      .room("room")
      .on(() => {});
    await advance(100);
    assert.equal((logged.mock.calls[0]!.arguments[0] as Error).cause, mine);
    logged.mock.restore();
  });

  it("rejects `history` and `count` with an error of the package", async () => {
    const { client } = recordingClient({ token: () => Promise.reject(mine) });
    const room = client.room("room");
    for (const read of [room.history({ last: 1 }), room.presence.count()]) {
      const error = await errorOf(read);
      assert.ok(error instanceof RoomcastError);
      assert.deepEqual([error.code, error.cause], ["token_failed", mine]);
    }
  });
});

describeBoth("an app", () => {
  it("gets `unauthorized` from a read without a request if no user is signed in", async () => {
    const fetch = mock.fn(fetchFrom(server));
    const { client } = recordingClient({ token: () => null, fetch });
    const error = await errorOf(client.room("room").history({ last: 1 }));
    assert.ok(error instanceof RoomcastError);
    assert.deepEqual([error.code, fetch.mock.callCount()], ["unauthorized", 0]);
  });

  it("is notified of a missing grant and of a failed dial", async () => {
    const token = () => tokenFor("alice", Date.now() + HOUR, ["subscribe"]);
    const { client, codes } = recordingClient({ token });
    client.room("room").presence.enter();
    await advance(100);
    assert.deepEqual(codes(), ["forbidden"]);

    const insecure = class {
      constructor() {
        throw new DOMException("insecure", "SecurityError");
      }
    } as unknown as typeof WebSocket;
    const other = recordingClient({ WebSocket: insecure });
    const room = other.client.room("room");
    room.on(() => {});
    await advance(10);
    assert.deepEqual(other.codes(), ["dial_failed"]);
    assert.equal((room.connection.error?.cause as Error).message, "insecure");
  });

  it("may throw in `onError`", async () => {
    const logged = mock.method(console, "error", () => {});
    const onError = (): void => {
      throw new Error("mine");
    };
    const room = clientOf({ onError, token: () => Promise.reject(new Error("none")) }).room("room");
    room.on(() => {});
    await advance(100);
    assert.match(String(logged.mock.calls[0]!.arguments[0]), /mine/);
    assert.equal(room.connection.reason, "token_failed");
    logged.mock.restore();
  });

  it("can read a log of its connections in plain words", async () => {
    const lines: string[] = [];
    const client = clientOf({ debug: (line) => lines.push(line) });
    const room = client.room("room");
    room.on(() => {});
    await advance(100);
    network.down = true;
    cutAll();
    await advance(1_500);
    network.down = false;
    await advance(5_000);
    client.close();
    const text = lines.join("\n");
    for (const part of [
      /token: for alice/,
      /: opening\n/,
      /wss:\/\/model\/\S*events\S* by websocket/,
      /room room: open/,
      /: closed: 1006/,
      /: waiting \(offline\), next try in \d+ ms/,
      /room room: ended \(closed\)/,
    ]) {
      assert.match(text, part);
    }
    assert.ok(lines.length < 60, text);
    assert.doesNotMatch(text, new RegExp(tokenFor("alice", 0).slice(0, 20)));
  });

  it("gets the log on the console with `debug: true`, and nothing without it", async () => {
    const logged = mock.method(console, "log", () => {});
    clientOf()
      .room("room")
      .on(() => {});
    await advance(100);
    assert.equal(logged.mock.callCount(), 0);
    clientOf({ debug: true })
      .room("room")
      .on(() => {});
    await advance(100);
    assert.match(String(logged.mock.calls[0]!.arguments[0]), /^roomcast: /);
    logged.mock.restore();
  });
});
