import { createHash, createHmac } from "node:crypto";
import type { Dialect } from "../dialect.ts";

// Pusher's protocol: https://pusher.com/docs/channels/library_auth_reference/ Protocol 2 of Sockudo
// extends it: https://sockudo.io/docs
export const APP = { id: "bench", key: "key", secret: "secret" };
/** Clients may publish only on private channels. */
const channel = (room: string): string => `private-${room}`;
const signed = (text: string): string =>
  createHmac("sha256", APP.secret).update(text).digest("hex");

export const sockudo: Dialect = {
  upgrade: () => ({ path: `/app/${APP.key}?protocol=2&client=bench&version=1` }),
  onControlFrame(text, socket, { room, since }) {
    const { event, data } = JSON.parse(text);
    const send = (event: string, data: object): void =>
      socket.send(JSON.stringify({ event: `sockudo:${event}`, data }));
    if (event === "sockudo:connection_established") {
      const { socket_id } = JSON.parse(data);
      const auth = `${APP.key}:${signed(`${socket_id}:${channel(room)}`)}`;
      send("subscribe", { channel: channel(room), auth });
    } else if (event === "sockudo_internal:subscription_succeeded") {
      if (since) send("resume", { channel_positions: { [channel(room)]: JSON.parse(since) } });
      socket.joined();
    } else if (event === "sockudo:ping") send("pong", {});
    else if (event === "sockudo:error" || event === "sockudo:resume_failed") throw new Error(text);
  },
  publish: (room, data) =>
    `{"event":"client-event","channel":"${channel(room)}","data":${JSON.stringify(data)}}`,
  post(room, data) {
    const batch = data.map((data) => ({ name: "event", channel: channel(room), data }));
    const body = JSON.stringify({ batch });
    const path = `/apps/${APP.id}/batch_events`;
    const query = Object.entries({
      auth_key: APP.key,
      auth_timestamp: Math.floor(Date.now() / 1000),
      auth_version: "1.0",
      body_md5: createHash("md5").update(body).digest("hex"),
    })
      .map(([name, value]) => `${name}=${value}`)
      .join("&");
    const auth_signature = signed(`POST\n${path}\n${query}`);
    return {
      path: `${path}?${query}&auth_signature=${auth_signature}`,
      headers: { "content-type": "application/json" },
      body,
    };
  },
  position(frame) {
    const { serial, stream_id } = JSON.parse(frame);
    return JSON.stringify({ serial, stream_id });
  },
};
