/** Measures the billed rows of a few thousand events, and scales them to a million events. */
import { eventBatch } from "../load/events.ts";
import {
  EVENT_BYTES,
  type Figures,
  ROOM,
  type Scale,
  type Scenario,
  withBackend,
  withServer,
} from "./scenario.ts";

/**
 * Number of events. In `full` and `quick`, this number exceeds the 1,000 rows of the plain object's
 * ring, so that the ring wraps.
 */
const EVENTS: Record<Scale, number> = { full: 3000, quick: 1500, smoke: 200 };

export const rows: Scenario = {
  name: "rows",
  needs: ["rows"],
  runs: 1,
  run: (peer, _, scale) =>
    withServer(peer, (server) =>
      withBackend(server, async (backend) => {
        // The first request to a room writes some additional rows.
        await backend.publish(ROOM, eventBatch(0, 1, EVENT_BYTES));
        const figures: Figures[] = [];
        for (const size of [1, 100]) {
          const before = await server.rows!(ROOM);
          const events = eventBatch(0, size, EVENT_BYTES);
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
