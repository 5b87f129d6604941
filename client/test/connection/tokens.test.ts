import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { advance, randomFrom } from "../model/network.ts";
import { tokenFor } from "../model/claims.ts";
import { clientOf, describeBoth, HOUR, network, server } from "../fixture.ts";

describeBoth("tokens", (kind) => {
  it("are renewed in-band: one socket for hours", async () => {
    const room = clientOf({ token: () => tokenFor("alice", Date.now() + 60_000) }).room("room");
    room.on(() => {});
    for (let n = 0; n < 100; n++) {
      await advance(30_000, 500);
      network.connections.forEach((connection) => connection.expire());
    }
    assert.equal(network.dialled, 1);
    assert.equal(room.status, "connected");
  });

  it("are requested once, however many rooms need one", async () => {
    const token = mock.fn(() => tokenFor("alice", Date.now() + 60_000));
    const client = clientOf({ token });
    for (let n = 0; n < 20; n++) client.room(`room-${n}`).on(() => {});
    await advance(1_000);
    assert.equal(token.mock.callCount(), 1);
    await advance(60_000);
    assert.equal(token.mock.callCount(), 2);
    assert.equal(network.dialled, kind === "shared" ? 1 : 20);
  });

  it("that are rejected are replaced once, then the user is signed out", async () => {
    const token = mock.fn(() => "x.e30.x");
    const client = clientOf({ token });
    const room = client.room("room");
    room.on(() => {});
    await advance(1_000);
    assert.equal(room.status, "unauthorized");
    assert.equal(token.mock.callCount(), 2);
    token.mock.mockImplementation(() => tokenFor("alice", Date.now() + HOUR));
    await advance(HOUR, HOUR);
    assert.equal(room.status, "unauthorized");
    client.reconnect();
    await advance(100);
    assert.equal(room.status, "connected");
  });

  it("are requested again if the callback fails", async () => {
    const token = mock.fn((): string => {
      throw new Error("no network");
    });
    const room = clientOf({ token }).room("room");
    room.on(() => {});
    await advance(1_000);
    assert.equal(room.connection.reason, "token_failed");
    token.mock.mockImplementation(() => tokenFor("alice", Date.now() + HOUR));
    await advance(5_000);
    assert.equal(room.status, "connected");
  });

  it("with a wrong format fail without a request to the server", async () => {
    const token = () => "<!doctype html>";
    const room = clientOf({ token }).room("room");
    room.on(() => {});
    await advance(100);
    assert.equal(room.connection.reason, "token_failed");
    assert.equal(network.dialled, 0);
  });

  it("may be null: no user is signed in", async () => {
    const token = mock.fn((): string | null => null);
    const client = clientOf({ token });
    const room = client.room("room");
    room.on(() => {});
    await advance(100);
    assert.equal(room.status, "unauthorized");
    assert.equal(network.dialled, 0);
    token.mock.mockImplementation(() => tokenFor("alice", Date.now() + 60_000));
    client.reconnect();
    await advance(100);
    assert.equal(room.status, "connected");

    // The user signs out, the last token expires, and the user signs in again.
    token.mock.mockImplementation(() => null);
    await advance(HOUR, 1_000);
    assert.equal(room.status, "unauthorized");
    token.mock.mockImplementation(() => tokenFor("alice", Date.now() + HOUR));
    client.reconnect();
    await advance(100);
    assert.equal(room.status, "connected");
  });

  it("that expire while the server is unreachable are replaced, however often it disconnects", async () => {
    const token = mock.fn(() => tokenFor("alice", Date.now() + 60_000));
    const room = clientOf({ token }).room("room");
    room.on(() => {});
    await advance(1_000);
    const random = randomFrom(3);
    for (let n = 0; n < 30; n++) {
      network.connections.forEach((connection) =>
        random() < 0.5 ? connection.cut(4001) : connection.cut(),
      );
      // Sometimes the server is reachable just long enough to reject a token.
      for (let down = 0; down < 8; down++) {
        network.down = random() < 0.7;
        await advance(20_000, 500);
        if (!network.down) network.connections.forEach((connection) => connection.cut());
      }
      network.down = false;
      await advance(60_000, 500);
      assert.equal(room.status, "connected", `after ${n}`);
    }
  });

  it("without the right `subscribe` are final", async () => {
    const token = () => tokenFor("alice", Date.now() + HOUR, ["publish"]);
    const room = clientOf({ token }).room("room");
    room.on(() => {});
    await advance(100);
    assert.equal(room.status, "forbidden");
  });
});

describeBoth("a cookie", () => {
  const cookieClient = () => clientOf({ token: undefined! });

  it("that is missing is reported within 1.1 s, without another transport", async () => {
    const client = cookieClient();
    const room = client.room("room");
    const seen: string[] = [];
    room.subscribe(() => seen.push(room.status));
    await advance(100);
    await advance(1_000);
    assert.deepEqual([room.status, room.connection.reason], ["unauthorized", "unauthorized"]);
    await advance(60_000);
    assert.deepEqual([network.dialled, room.transport, seen], [1, "websocket", ["unauthorized"]]);

    server.cookie = tokenFor("alice", Date.now() + HOUR);
    client.connect();
    await advance(100);
    assert.equal(room.status, "connected");
    assert.deepEqual(
      [...network.connections].map(({ user }) => user),
      ["alice"],
    );
  });

  it("is used if the callback returns no token", async () => {
    server.cookie = tokenFor("bob", Date.now() + HOUR);
    const token = mock.fn(() => undefined);
    const room = clientOf({ token }).room("room");
    room.on(() => {});
    await advance(100);
    assert.deepEqual([room.status, token.mock.callCount()], ["connected", 1]);
    assert.deepEqual(
      [...network.connections].map(({ user }) => user),
      ["bob"],
    );
  });

  it("is sufficient to connect, and its expiry is reported", async () => {
    server.cookie = tokenFor("alice", Date.now() + 60_000);
    const room = cookieClient().room("room");
    room.on(() => {});
    await advance(30_000, 500);
    assert.equal(room.status, "connected");
    server.cookie = undefined;
    await advance(31_000, 500);
    network.connections.forEach((connection) => connection.expire());
    await advance(200);
    await advance(1_000);
    assert.equal(room.status, "unauthorized");
  });
});
