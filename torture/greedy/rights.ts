/** Publishes that must not affect other users. */
import { Room, tokenOf } from "../../tests/edge/room.ts";
import type { Attack } from "../attack/attack.ts";

/**
 * As `eve`, publishes events with the ids that `alice` will use next. Alice's events must be stored
 * too.
 */
export const idsOfOthers: Attack = async ({ context, runtime }) => {
  const room = new Room(runtime, "shared");
  const times = context.size(200, 20);
  let [repeats, missing] = [0, 0];
  for (let i = 0; i < times; i++) {
    await publish(room, "eve", { name: "n", id: `order-${i}`, data: "eve's" });
    const status = await publish(room, "alice", { name: "n", id: `order-${i}`, data: "alice's" });
    if (status !== 201) repeats += 1;
  }
  const page = await room.page("last=1000&limit=1000");
  const alices = page.events.filter(({ from }: { from: string }) => from === "alice");
  missing = times - alices.length;
  return {
    injected: { "ids that another user publishes first": times },
    observed: {
      "events lost because another user published their id first": missing,
      "publishes answered as repeats of another user's publish": repeats,
    },
    atMost: {
      "events lost because another user published their id first": 0,
      "publishes answered as repeats of another user's publish": 0,
    },
  };
};

/** Publishes JSON that is nested deeper than many parsers accept. */
export const nesting: Attack = async ({ runtime }) => {
  const room = new Room(runtime, "nested");
  const deep = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  const statuses = [];
  for (const levels of [64, 65, 60_000]) {
    const body = `{"name":"n","data":${deep(levels)}}`;
    statuses.push(await publish(room, "eve", body));
  }
  return {
    injected: { "bodies nested at least 65 levels deep": 2 },
    observed: {
      "bodies nested too deeply that were stored": statuses
        .slice(1)
        .filter((status) => status !== 400).length,
      "bodies nested 64 levels deep that were rejected": statuses[0] === 201 ? 0 : 1,
    },
    atMost: {
      "bodies nested too deeply that were stored": 0,
      "bodies nested 64 levels deep that were rejected": 0,
    },
  };
};

async function publish({ url }: Room, user: string, event: object | string): Promise<number> {
  const headers = { authorization: `Bearer ${tokenOf(user, ["publish"])}` };
  const body = typeof event === "string" ? event : JSON.stringify(event);
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body });
  await answer.text();
  return answer.status;
}
