/**
 * A script for pusher-js and the SDK of Pusher for Node, which both run unchanged. The benchmark runs
 * it with each server that speaks Pusher's protocol. `script.jsonl` has the results. Three things are
 * left out, because Sockudo 4.5.2 does not do them as Pusher does: it has no `presence-cache-`
 * channels, its client events have no `user_id`, and it terminates a user's connections without a
 * close code, so pusher-js connects again. The other tests here have them.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Sdk from "pusher";
import Pusher from "pusher-js";
import type { Options } from "pusher-js";
import { APP } from "../../bench/peers/pusher/dialect.ts";
import { Recorder } from "./page/recorder.ts";

const HOST = "127.0.0.1";
const CHANNELS = ["a", "private-a", "presence-a", "private-encrypted-a"];
const CACHES = ["cache-a", "private-cache-a", "private-encrypted-cache-a"];

/**
 * Uses each kind of channel, client events, the sign-in of users and the HTTP API of the server at
 * this port. Returns the number of results: of what the clients and the backend received. Throws if
 * a result differs from the one in `script.jsonl`.
 */
export async function runScript(port: number): Promise<number> {
  const script = new Script(port);
  try {
    await script.channels();
    await script.caches();
    await script.members();
    await script.excludedSocket();
    await script.refusals();
    await script.users();
  } finally {
    script.end();
  }
  const file = new URL("script.jsonl", import.meta.url);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  assert.deepEqual(
    script.received,
    lines.map((line) => JSON.parse(line)),
  );
  return script.received.length;
}

class Script {
  readonly received: unknown[] = [];
  readonly #sdk: Sdk;
  readonly #options: Options;
  readonly #clients: Recorder[] = [];
  readonly #ann: Recorder;
  readonly #ben: Recorder;

  constructor(port: number) {
    this.#sdk = new Sdk({
      appId: APP.id,
      key: APP.key,
      secret: APP.secret,
      host: HOST,
      port: String(port),
      useTLS: false,
      encryptionMasterKeyBase64: Buffer.alloc(32, 7).toString("base64"),
    });
    this.#options = {
      wsHost: HOST,
      wsPort: port,
      forceTLS: false,
      enabledTransports: ["ws"],
      disableStats: true,
      cluster: "",
    };
    this.#ann = this.#open("ann");
    this.#ben = this.#open("ben");
  }

  end(): void {
    for (const client of this.#clients) client.disconnect();
  }

  /** Each kind of channel receives events of the backend, one by one and in a batch. */
  async channels(): Promise<void> {
    for (const channel of CHANNELS) {
      await this.#join(this.#ann, channel);
      await this.#sdk.trigger(channel, "saved", { id: 1, text: 'ä ☃ "quoted"' });
      await this.#next(this.#ann, channel);
      await this.#sdk.trigger(channel, "saved", "plain text");
      await this.#next(this.#ann, channel);
    }
    const open = CHANNELS.filter((channel) => !channel.includes("encrypted"));
    await this.#sdk.trigger(open, "all", [1, 2]);
    await this.#sdk.triggerBatch(
      open.map((channel, i) => ({ channel, name: "own", data: `${i}` })),
    );
    for (const channel of open) {
      await this.#next(this.#ann, channel);
      await this.#next(this.#ann, channel);
    }
  }

  /** A cache channel sends its last event to a client that subscribes. */
  async caches(): Promise<void> {
    for (const channel of CACHES) {
      await this.#join(this.#ann, channel);
      await this.#next(this.#ann, channel);
      for (const price of [1, 2]) await this.#sdk.trigger(channel, "price", { price });
      for (const _ of [1, 2]) await this.#next(this.#ann, channel);
      await this.#join(this.#ben, channel);
      await this.#next(this.#ben, channel);
    }
  }

  /** Members enter, send each other events, and leave. */
  async members(): Promise<void> {
    const channel = "presence-a";
    await this.#join(this.#ben, channel);
    await this.#next(this.#ann, channel);
    const second = this.#open("ben");
    await this.#join(second, channel);
    second.trigger(channel, "client-moved", { x: 1 });
    await this.#next(this.#ann, channel);
    await this.#next(this.#ben, channel);
    await this.#get(`/channels/${channel}`, { info: "user_count" });
    await this.#users(channel);
    second.unsubscribe(channel);
    this.#ben.unsubscribe(channel);
    await this.#next(this.#ann, channel);
    await this.#users(channel);
  }

  /** A trigger names a socket that does not receive the event. */
  async excludedSocket(): Promise<void> {
    const channel = "private-a";
    await this.#join(this.#ben, channel);
    await this.#sdk.trigger(channel, "saved", 1, { socket_id: this.#ann.socketId() });
    await this.#sdk.trigger(channel, "saved", 2);
    await this.#next(this.#ben, channel);
    await this.#next(this.#ben, channel);
    await this.#next(this.#ann, channel);
    this.#ann.trigger(channel, "client-moved", { x: 2 });
    await this.#next(this.#ben, channel);
  }

  /** Signatures that are wrong, and names that no channel may have. */
  async refusals(): Promise<void> {
    for (const channel of ["private-forged", "presence-forged"]) {
      this.#ann.subscribe(channel);
      await this.#sdk.trigger(channel, "saved", 1);
    }
    this.#ann.trigger("a", "client-moved", 1);
    await this.#join(this.#ann, "b");
    this.received.push(this.#ann.state());
    for (const path of ["/channels/a/users", "/channels/%20"]) {
      this.received.push(await this.#sdk.get({ path }).then(String, ({ status }) => status));
    }
  }

  /** A user signs in, and receives an event. */
  async users(): Promise<void> {
    this.#ben.signIn();
    await this.#next(this.#ben, "user");
    await this.#sdk.sendToUser("ben", "greeting", { text: "hi" });
    await this.#next(this.#ben, "user");
  }

  #open(user: string): Recorder {
    const info = { name: `the ${user}` };
    const client = new Recorder(Pusher, APP.key, {
      ...this.#options,
      channelAuthorization: {
        transport: "ajax",
        endpoint: "",
        customHandler: ({ socketId, channelName }, done) => {
          const id = channelName.endsWith("forged") ? "1.1" : socketId;
          const member = channelName.startsWith("presence-") && { user_id: user, user_info: info };
          done(null, this.#sdk.authorizeChannel(id, channelName, member || undefined));
        },
      },
      userAuthentication: {
        transport: "ajax",
        endpoint: "",
        customHandler: ({ socketId }, done) =>
          done(null, this.#sdk.authenticateUser(socketId, { id: user, info })),
      },
    });
    this.#clients.push(client);
    return client;
  }

  async #join(client: Recorder, channel: string): Promise<void> {
    this.received.push([channel, await client.join(channel)]);
  }

  /** Awaits the next entry of one of the client's inboxes. */
  async #next(client: Recorder, inbox: string): Promise<void> {
    this.received.push([inbox, await client.next(inbox)]);
  }

  /** Adds the users of a channel. They are in any order. */
  async #users(channel: string): Promise<void> {
    const answer = await this.#sdk.get({ path: `/channels/${channel}/users` });
    const { users }: { users: { id: string }[] } = await answer.json();
    this.received.push([channel, users.map(({ id }) => id).sort()]);
  }

  async #get(path: string, params: Record<string, string> = {}): Promise<void> {
    this.received.push([path, await (await this.#sdk.get({ path, params })).json()]);
  }
}
