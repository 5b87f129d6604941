/** Rows that are billed for a million events, from those that were written for a few thousand. */
import { batch } from "../load/tally.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  withBackend,
  withServer,
} from "./scenario.ts";

/** Enough that a ring of a thousand comes round. */
const EVENTS: Record<Scale, number> = { full: 3000, quick: 1500, smoke: 200 };

export const rows: Scenario = {
  name: "rows",
  needs: ["rows"],
  runs: 1,
  run: (peer, _, scale) =>
    withServer(peer, (server) =>
      withBackend(server, async (backend) => {
        // A room's first touch costs rows of its own, once.
        await backend.publish(ROOM, batch(0, 1, EVENT_BYTES));
        const figures: Figures[] = [];
        for (const size of [1, 100]) {
          const before = await server.rows!(ROOM);
          const events = batch(0, size, EVENT_BYTES);
          for (let sent = 0; sent < EVENTS[scale]; sent += size) {
            await backend.publish(ROOM, events);
          }
          const written = (await server.rows!(ROOM)) - before;
          figures.push({
            at: size === 1 ? "single" : `batches of ${size}`,
            events: EVENTS[scale],
            rows: written,
            rows_per_million_events: (written / EVENTS[scale]) * 1e6,
          });
        }
        return figures;
      }),
    ),
};
