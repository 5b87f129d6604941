import type { ListedRoom } from "roomcast/protocol";
import type { Api } from "../api.ts";

/** A room of the list, with the events per second since the last report but one. */
export interface RoomRow extends ListedRoom {
  /** `undefined` until the room has reported twice. */
  readonly rate: number | undefined;
}

export type Column = "room" | "sessions" | "members" | "head" | "rate" | "reported_at";

/** The operator's view of the list. */
export interface View {
  /** Text that the names contain. */
  readonly search: string;
  /** Start of the names that the server lists. */
  readonly prefix: string;
  readonly column: Column;
  readonly isDescending: boolean;
}

export const INITIAL_VIEW: View = {
  search: "",
  prefix: "",
  column: "sessions",
  isDescending: true,
};

const PAGE = 1_000;
const MAX_PAGES = 10;
/** A room that has not reported for this time publishes nothing. A busy room reports every 10 s. */
const QUIET_MS = 25_000;

/** Rooms that were read, in the order of their names. */
export interface List {
  readonly rows: readonly RoomRow[];
  readonly pages: number;
  /** Whether there are more rooms than the console reads. */
  readonly hasMore: boolean;
}

/** Reads the list, at most 10,000 rooms. `before` is the list that was read before. */
export async function readList(
  api: Api,
  prefix: string,
  before: List | undefined,
  signal: AbortSignal,
): Promise<List> {
  const previous = new Map(before?.rows.map((row) => [row.room, row]));
  const rows: RoomRow[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const query = { limit: String(PAGE), prefix, ...(cursor !== undefined && { cursor }) };
    const page = await api.listRooms(query, signal);
    const now = Date.now();
    for (const room of page.rooms) rows.push(withRate(room, previous.get(room.room), now));
    cursor = page.cursor;
    pages += 1;
  } while (cursor !== undefined && pages < MAX_PAGES);
  return { rows, pages, hasMore: cursor !== undefined };
}

export function withRate(room: ListedRoom, before: RoomRow | undefined, now: number): RoomRow {
  if (now - room.reported_at > QUIET_MS) return { ...room, rate: 0 };
  if (before === undefined) return { ...room, rate: undefined };
  const passedMs = room.reported_at - before.reported_at;
  if (passedMs <= 0) return { ...room, rate: before.rate };
  // The head of an erased room starts again.
  return { ...room, rate: Math.max(0, room.head - before.head) / (passedMs / 1_000) };
}

/** Returns the rows whose names contain the search text, in the order of the view. */
export function select(rows: readonly RoomRow[], view: View): RoomRow[] {
  const search = view.search.trim().toLowerCase();
  const found = rows.filter(({ room }) => room.toLowerCase().includes(search));
  const direction = view.isDescending ? -1 : 1;
  return found.sort((a, b) => {
    const difference = compare(a[view.column], b[view.column]);
    return difference === 0 ? compare(a.room, b.room) : direction * difference;
  });
}

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  return a < b ? -1 : 1;
}
