import type { Dialect } from "../dialect.ts";

export const ws: Dialect = {
  upgrade: ({ room }) => ({ path: `/${room}` }),
  onControlFrame() {},
  joinsOnOpen: true,
  publish: (_, data) => data,
  post: (room, data) => ({ path: `/${room}`, body: `[${data.join(",")}]` }),
};
