/** Rows that are billed for a million events, from those that were written for a few thousand. */
import { Backend } from "../load/backend.ts";
import { dialects } from "../peers/dialects.ts";
import { data } from "../load/tally.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  withServer,
} from "./scenario.ts";

/** Enough that a ring of a thousand comes round. */
const EVENTS: Record<Scale, number> = { full: 3000, quick: 1500, smoke: 200 };

export const rows: Scenario = {
  name: "rows",
  needs: ["rows"],
  runs: 1,
  run: (peer, _, scale) =>
    withServer(peer, async (server) => {
      const { target } = server;
      const { post } = dialects[target.dialect];
      const backend = new Backend(target.port);
      // A room's first touch costs rows of its own, once.
      await backend.post(post(ROOM, [data(0, EVENT_BYTES)]));
      const figures: Figures[] = [];
      for (const batch of [1, 100]) {
        const before = await server.rows!(ROOM);
        const events = Array.from({ length: batch }, (_, i) => data(i, EVENT_BYTES));
        for (let sent = 0; sent < EVENTS[scale]; sent += batch) {
          await backend.post(post(ROOM, events));
        }
        const written = (await server.rows!(ROOM)) - before;
        figures.push({
          at: batch === 1 ? "single" : `batches of ${batch}`,
          events: EVENTS[scale],
          rows: written,
          rows_per_million_events: (written / EVENTS[scale]) * 1e6,
        });
      }
      backend.end();
      return figures;
    }),
};
