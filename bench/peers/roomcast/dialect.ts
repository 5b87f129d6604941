import { type Claims, claims, sign } from "../../../tests/edge/jwt.ts";
import { SECRET } from "../../../tests/edge/runtime.ts";
import type { Dialect } from "../dialect.ts";

const tokens = new Map<string, string>();

/**
 * Returns a token of the user. Each user's token is signed only once, so that the load generator
 * spends little CPU on tokens.
 */
export function token(user: string): string {
  let token = tokens.get(user);
  if (token === undefined) {
    const all: Claims = claims(user, ["subscribe", "publish", "presence", "admin"]);
    tokens.set(user, (token = sign(all, SECRET)));
  }
  return token;
}

const authorized = (user: string) => ({ authorization: `Bearer ${token(user)}` });

export const roomcast: Dialect = {
  upgrade({ room, user, since, flow }) {
    const query = new URLSearchParams({ ...(since && { since }), ...(flow && { flow: "1" }) });
    return { path: `/rooms/${room}/events?${query}`, headers: authorized(user) };
  },
  onControlFrame(text, socket) {
    if (text.startsWith('{"type":"welcome"')) {
      socket.session = JSON.parse(text).epoch;
      socket.joined();
    }
  },
  publish: (_, data) => `{"type":"publish","name":"event","data":${data}}`,
  post(room, data) {
    const events = data.map((data) => `{"name":"event","data":${data}}`);
    return {
      path: `/rooms/${room}/events`,
      headers: authorized("backend"),
      body: events.length === 1 ? events[0]! : `{"events":[${events.join(",")}]}`,
    };
  },
  position: (frame, epoch) => `${epoch}:${JSON.parse(frame).events.at(-1).seq}`,
  heartbeat: '{"type":"ping"}',
  seen: (number) => `{"type":"seen","seq":${number}}`,
  presence: { enter: '{"type":"enter","data":{"name":"somebody"}}', leave: '{"type":"leave"}' },
};
