import { useEffect, useMemo, useRef, useState } from "react";
import type { Room, RoomEvent } from "roomcast";
import { useEvents } from "roomcast/react";
import { counted, formatCount } from "../format.ts";
import { EventRow, jsonOf } from "./EventRow.tsx";

/** Number of events in memory: older events are dropped. */
const BUFFER = 500;
/** Number of rows that are shown at first. */
const SHOWN = 100;
const RENDER_MS = 250;

export function Events({ room }: { room: Room }) {
  const live = useThrottled(useEvents(room, { last: BUFFER }), RENDER_MS);
  /** The events at the time of the pause. */
  const [paused, setPaused] = useState<readonly RoomEvent[]>();
  const [filter, setFilter] = useState("");
  const [showsAll, setShowsAll] = useState(false);

  const events = paused ?? live;
  const found = useMemo(() => select(events, filter), [events, filter]);
  const rows = showsAll ? found : found.slice(0, SHOWN);
  return (
    <section className="panel events" aria-labelledby="events">
      <div className="section-head">
        <h2 id="events">Events</h2>
        <p>
          {filter.trim() === ""
            ? `the newest ${formatCount(events.length)}`
            : `${formatCount(found.length)} of the newest ${formatCount(events.length)}`}
          {paused && `, paused: ${counted(arrivedSince(paused, live), "event")} arrived`}
        </p>
        <div className="tools">
          <label>
            <span>Name or text</span>
            <input
              type="search"
              value={filter}
              onChange={({ target }) => setFilter(target.value)}
            />
          </label>
          <button
            type="button"
            className="secondary"
            aria-pressed={paused !== undefined}
            onClick={() => setPaused(paused ? undefined : live)}
          >
            {paused ? "Continue" : "Pause"}
          </button>
        </div>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Newest events">
        <ol className="event-list">
          {rows.map((event) => (
            <EventRow key={event.seq} event={event} />
          ))}
        </ol>
        {found.length === 0 && (
          <p className="empty">{events.length === 0 ? "No events yet." : "No event matches."}</p>
        )}
        {found.length > rows.length && (
          <p className="more">
            <button type="button" className="secondary" onClick={() => setShowsAll(true)}>
              Show all {formatCount(found.length)}
            </button>
          </p>
        )}
      </div>
    </section>
  );
}

/** Returns the events that have the text in their name, key, author or data. Newest first. */
function select(events: readonly RoomEvent[], filter: string): RoomEvent[] {
  const text = filter.trim().toLowerCase();
  const matches = (event: RoomEvent): boolean =>
    [event.name, event.key ?? "", event.from, jsonOf(event)].some((part) =>
      part.toLowerCase().includes(text),
    );
  return (text === "" ? [...events] : events.filter(matches)).reverse();
}

/** Returns the number of events since a pause, also of those that the buffer no longer has. */
function arrivedSince(paused: readonly RoomEvent[], live: readonly RoomEvent[]): number {
  return Math.max(0, (live.at(-1)?.seq ?? 0) - (paused.at(-1)?.seq ?? 0));
}

/** Returns the newest value, which changes at most once in an interval. */
function useThrottled<Value>(value: Value, intervalMs: number): Value {
  const [shown, setShown] = useState(value);
  const newest = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    newest.current = value;
    if (timer.current !== undefined) return;
    setShown(value);
    timer.current = setTimeout(() => {
      timer.current = undefined;
      setShown(newest.current);
    }, intervalMs);
  }, [value, intervalMs]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return shown;
}
