import { memo, useId, useState } from "react";
import type { RoomEvent } from "roomcast";
import { formatDateTime, formatTime } from "../format.ts";
import { useOperator } from "../session.ts";
import { JsonTree } from "./JsonTree.tsx";

/** JSON of each event, as long as the event is in memory. */
const texts = new WeakMap<RoomEvent, string>();

/** Returns the event's data as JSON in one line. */
export function jsonOf(event: RoomEvent): string {
  let text = texts.get(event);
  if (text === undefined) texts.set(event, (text = JSON.stringify(event.data)));
  return text;
}

const SNIPPET = 200;

export const EventRow = memo(function EventRow({ event }: { event: RoomEvent }) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <li>
      <button
        type="button"
        className="event"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="seq">{event.seq}</span>
        <time dateTime={new Date(event.at).toISOString()}>{formatTime(event.at)}</time>
        <strong>{event.name}</strong>
        {event.key !== undefined && <span className="key">{event.key}</span>}
        <code>{jsonOf(event).slice(0, SNIPPET)}</code>
      </button>
      {isOpen && <Details id={id} event={event} />}
    </li>
  );
});

function Details({ id, event }: { id: string; event: RoomEvent }) {
  const { announce } = useOperator();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(event, null, 2));
      announce(`The JSON of event ${event.seq} is in the clipboard.`);
    } catch {
      announce("The browser does not allow the page to write to the clipboard.");
    }
  };
  return (
    <div id={id} className="details">
      <p>
        <span>from {event.from}</span>
        <span>{formatDateTime(event.at)}</span>
        {event.id !== undefined && (
          <span>
            id <code>{event.id}</code>
          </span>
        )}
        <button type="button" className="secondary" onClick={() => void copy()}>
          Copy JSON
        </button>
      </p>
      <JsonTree value={event.data} />
    </div>
  );
}
