import { createHash, createHmac } from "node:crypto";
import type { Client, Dialect, DialectSocket, Post } from "../dialect.ts";

// Pusher's protocol: https://pusher.com/docs/channels/library_auth_reference/
export const APP = { id: "bench", key: "key", secret: "secret" };

/** Clients may publish only on private channels. */
export const channel = (room: string): string => `private-${room}`;

const signed = (text: string): string =>
  createHmac("sha256", APP.secret).update(text).digest("hex");

/** Returns the dialect of a version of the protocol, whose own events begin with `prefix`. */
export const versionOf = (protocol: number, prefix: string): Dialect => ({
  upgrade: () => ({ path: `/app/${APP.key}?protocol=${protocol}&client=bench&version=1` }),
  onControlFrame(text, socket, client) {
    const { event, data } = JSON.parse(text);
    if (event === `${prefix}:connection_established`) {
      subscribe(prefix, JSON.parse(data).socket_id, socket, client);
    } else if (event === `${prefix}_internal:subscription_succeeded`) socket.joined();
    else if (event === `${prefix}:ping`) socket.send(`{"event":"${prefix}:pong","data":{}}`);
    else throw new Error(text);
  },
  publish: (room, data) =>
    `{"event":"client-event","channel":"${channel(room)}","data":${JSON.stringify(data)}}`,
  post(room, data) {
    const batch = data.map((data) => ({ name: "event", channel: channel(room), data }));
    return signedPost("batch_events", JSON.stringify({ batch }));
  },
});

function subscribe(prefix: string, id: string, socket: DialectSocket, { room }: Client): void {
  const auth = `${APP.key}:${signed(`${id}:${channel(room)}`)}`;
  const data = { channel: channel(room), auth };
  socket.send(JSON.stringify({ event: `${prefix}:subscribe`, data }));
}

function signedPost(action: string, body: string): Post {
  const path = `/apps/${APP.id}/${action}`;
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
}

/** The protocol of pusher-js, which Roomcast and Sockudo both have. */
export const pusher: Dialect = versionOf(7, "pusher");
