import type { Dialect } from "../dialect.ts";
import { channel, versionOf } from "../pusher/dialect.ts";

/** Protocol 2 of Sockudo extends Pusher's protocol: https://sockudo.io/docs */
const base = versionOf(2, "sockudo");

export const sockudo: Dialect = {
  ...base,
  onControlFrame(text, socket, client) {
    const { event } = JSON.parse(text);
    if (event === "sockudo:resume_failed" || event === "sockudo:error") throw new Error(text);
    // Sockudo's other events are about the recovery.
    if (/^sockudo:(?!connection_established$|ping$)/.test(event)) return;
    base.onControlFrame(text, socket, client);
    if (event === "sockudo_internal:subscription_succeeded" && client.since !== undefined) {
      const channel_positions = { [channel(client.room)]: JSON.parse(client.since) };
      socket.send(JSON.stringify({ event: "sockudo:resume", data: { channel_positions } }));
    }
  },
  position(frame) {
    const { serial, stream_id } = JSON.parse(frame);
    return JSON.stringify({ serial, stream_id });
  },
};
