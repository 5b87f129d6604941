import type { ReactNode } from "react";
import { useEvents } from "roomcast/react";
import type { ShipmentEvent, ShipmentsRoom } from "./board.ts";
import { useOutages, type Outage } from "./useOutages.ts";

const EVENT_COUNT = 40;

/** Shows the room's newest events. Outages of this window are shown between the events. */
export function Feed({ room }: { room: ShipmentsRoom }) {
  const events = useEvents(room, { last: EVENT_COUNT });
  const outages = useOutages(room);
  const latest = outages.at(-1);

  return (
    <section className="panel feed" aria-labelledby="events">
      <h2 id="events">Events</h2>
      <p className="visually-hidden" role="status">
        {latest && textOf(latest)}
      </p>
      <ol className="rows" tabIndex={0} aria-labelledby="events">
        {rowsOf(events, outages).map(({ key, kind, content }, row) => (
          <li key={key} data-kind={kind} style={{ "--row": row }}>
            {content}
          </li>
        ))}
      </ol>
    </section>
  );
}

interface Row {
  readonly key: string;
  readonly kind: "live" | "replayed" | "outage" | "resumed";
  readonly content: ReactNode;
}

/** Returns the rows, newest first. */
function rowsOf(events: readonly ShipmentEvent[], outages: readonly Outage[]): Row[] {
  const rows: Row[] = [];
  for (const event of events) {
    const { seq } = event;
    const missed = outages.some(({ after, upTo = after }) => seq > after && seq <= upTo);
    rows.push({ key: `${seq}`, kind: missed ? "replayed" : "live", content: eventRow(event) });
    for (const outage of outages) {
      const { after, upTo } = outage;
      if (after === seq) {
        rows.push({ key: `after ${seq}`, kind: "outage", content: textOf({ after }) });
      }
      if (upTo === seq) {
        rows.push({ key: `${after} to ${seq}`, kind: "resumed", content: textOf(outage) });
      }
    }
  }
  return rows.reverse();
}

function textOf({ after, upTo, lost }: Outage): string {
  if (upTo === undefined) return `Connection lost after event ${after}`;
  const missed = upTo - after;
  const events = missed === 1 ? "1 event" : `${missed} events`;
  if (lost) return `${events} lost, board up to date`;
  return `${events} replayed, none lost`;
}

const eventRow = (event: ShipmentEvent): ReactNode => (
  <>
    <span className="seq">#{event.seq}</span>
    <span className="id">{event.key}</span>
    <span>{descriptionOf(event)}</span>
  </>
);

function descriptionOf(event: ShipmentEvent): string {
  if (event.data === null) return "removed";
  const { from, to, progress } = event.data;
  switch (event.name) {
    case "shipment:booked":
      return `booked, ${from.iata} to ${to.iata}`;
    case "shipment:departed":
      return `departed, ${from.iata} to ${to.iata}`;
    case "shipment:moved":
      return `${Math.floor(progress * 100)}% of the way to ${to.iata}`;
    case "shipment:delayed":
      return `delayed, ${from.iata} to ${to.iata}`;
    case "shipment:delivered":
      return `delivered, ${from.iata} to ${to.iata}`;
  }
}
