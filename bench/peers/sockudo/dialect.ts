import type { Dialect } from "../../load/dialect.ts";

export const sockudo: Dialect = {
  upgrade: () => ({ path: "/" }),
  hear() {},
  publish: (_, data) => data,
  post: (room, data) => ({ path: `/${room}`, body: `[${data.join(",")}]` }),
};
