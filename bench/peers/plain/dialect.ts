import type { Dialect } from "../dialect.ts";

export const plain: Dialect = {
  upgrade: ({ room, since }) => ({
    path: `/${room}${since === undefined ? "" : `?since=${since}`}`,
  }),
  onControlFrame() {},
  joinsOnOpen: true,
  publish: (_, data) => data,
  post: (room, data) => ({ path: `/${room}`, body: `[${data.join(",")}]` }),
  position: (frame) => JSON.parse(frame).seq,
};
