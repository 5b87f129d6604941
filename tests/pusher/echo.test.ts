/** Runs Laravel Echo, unchanged, with the broadcasters of Pusher and of Reverb. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Echo, { type EchoOptions } from "laravel-echo";
import Pusher from "pusher-js";
import { App, KEY } from "./app.ts";
import { Inbox } from "./page/inbox.ts";

let app: App;
before(async () => {
  app = await App.start({ client_events: true });
});
after(() => app?.stop());

for (const broadcaster of ["pusher", "reverb"] as const)
  describe(`Laravel Echo with the broadcaster ${broadcaster}`, () => {
    const echoes: Echo<"reverb">[] = [];
    after(() => echoes.forEach((echo) => echo.disconnect()));

    function open(user: string): Echo<"reverb"> {
      const options = { broadcaster, key: KEY, Pusher, ...app.options(user) };
      const echo = new Echo(options as unknown as EchoOptions<"reverb">);
      echoes.push(echo);
      return echo;
    }

    /** Returns a callback that records its argument, and the function that reads it. */
    function recorder(): [(entry?: unknown) => void, () => Promise<any>] {
      const inbox = new Inbox();
      return [(entry) => inbox.push(entry ?? null), () => inbox.next()];
    }

    const name = (channel: string): string => `${broadcaster}-${channel}`;

    test("listens on public, private and encrypted channels", async () => {
      const ann = open("ann");
      const ben = open("ben");
      const channel = name("orders");
      const kinds = {
        "": "channel",
        "private-": "private",
        "private-encrypted-": "encryptedPrivate",
      };
      for (const [prefix, method] of Object.entries(kinds) as [string, "private"][]) {
        const [onEvent, next] = recorder();
        const [onSubscribed, subscribed] = recorder();
        for (const echo of [ann, ben])
          echo[method](channel).subscribed(onSubscribed).listen("OrderShipped", onEvent);
        for (const _ of [ann, ben]) await subscribed();
        const event = "App\\Events\\OrderShipped";
        await app.sdk.trigger(prefix + channel, event, { id: 7 });
        for (const _ of [ann, ben]) assert.deepEqual(await next(), { id: 7 });

        // `broadcast(…)->toOthers()` in Laravel.
        await app.sdk.trigger(prefix + channel, event, { id: 8 }, { socket_id: ann.socketId()! });
        await app.sdk.trigger(prefix + channel, event, { id: 9 });
        const received = [await next(), await next(), await next()].map(({ id }) => id);
        assert.deepEqual(received.sort(), [8, 9, 9]);
      }
      ann.leaveAllChannels();
      ben.leave(channel);
      await app.waitForSubscriptions(channel, 0);
      await app.waitForSubscriptions(`private-${channel}`, 0);
    });

    test("whispers to others, and has errors", async () => {
      const [ann, ben] = [open("ann"), open("ben")];
      const [onSubscribed, subscribed] = recorder();
      const [onWhisper, next] = recorder();
      const [onError, error] = recorder();
      const channel = name("doc");
      ben.private(channel).subscribed(onSubscribed).listenForWhisper("typing", onWhisper);
      const own = ann.private(channel).subscribed(onSubscribed);
      own.listenForWhisper("typing", () => assert.fail("a client receives its own whisper"));
      for (const _ of [ann, ben]) await subscribed();
      own.whisper("typing", { on: true });
      assert.deepEqual(await next(), { on: true });

      ann.private("forbidden").error(onError);
      assert.equal((await error()).status, 403);
    });

    test("lists who is here, joins and leaves", async () => {
      const [ann, ben] = [open("ann"), open("ben")];
      const [onChange, next] = recorder();
      const channel = name("chat");
      ann
        .join(channel)
        .here((users: unknown) => onChange(["here", users]))
        .joining((user: unknown) => onChange(["joining", user]))
        .leaving((user: unknown) => onChange(["leaving", user]));
      assert.deepEqual(await next(), ["here", [{ name: "the ann" }]]);
      ben.join(channel);
      assert.deepEqual(await next(), ["joining", { name: "the ben" }]);
      ben.leave(channel);
      assert.deepEqual(await next(), ["leaving", { name: "the ben" }]);
    });
  });
