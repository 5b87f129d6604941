import type { Dialect } from "../dialect.ts";

const path = (room: string) => `/parties/rooms/${room}`;

export const partyserver: Dialect = {
  upgrade: ({ room, since }) => ({
    path: path(room) + (since === undefined ? "" : `?since=${since}`),
  }),
  onControlFrame() {},
  joinsOnOpen: true,
  publish: (_, data) => data,
  post: (room, data) => ({ path: path(room), body: `[${data.join(",")}]` }),
  position: (frame) => JSON.parse(frame).seq,
};
