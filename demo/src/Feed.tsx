import type { ReactNode } from "react";
import { useEvents } from "roomcast/react";
import type { ShipmentEvent, Shipments } from "./board.ts";
import { useAbsences, type Absence } from "./useAbsences.ts";

const LAST = 40;

/** The room's newest events, and where between them this window was cut off. */
export function Feed({ room }: { room: Shipments }) {
  const events = useEvents(room, { last: LAST });
  const absences = useAbsences(room);
  const latest = absences.at(-1);

  return (
    <section className="panel feed" aria-labelledby="events">
      <h2 id="events">Events</h2>
      <p className="hidden" role="status">
        {latest && textOf(latest)}
      </p>
      <ol className="rows" tabIndex={0} aria-labelledby="events">
        {rowsOf(events, absences).map(({ key, kind, content }, row) => (
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
  readonly kind: "live" | "caught up" | "absence" | "return";
  readonly content: ReactNode;
}

/** The newest first. */
function rowsOf(events: readonly ShipmentEvent[], absences: readonly Absence[]): Row[] {
  const rows: Row[] = [];
  for (const event of events) {
    const { seq } = event;
    const missed = absences.some(({ after, upTo = after }) => seq > after && seq <= upTo);
    rows.push({ key: `${seq}`, kind: missed ? "caught up" : "live", content: eventRow(event) });
    for (const absence of absences) {
      const { after, upTo } = absence;
      if (after === seq) {
        rows.push({ key: `after ${seq}`, kind: "absence", content: textOf({ after }) });
      }
      if (upTo === seq) {
        rows.push({ key: `${after} to ${seq}`, kind: "return", content: textOf(absence) });
      }
    }
  }
  return rows.reverse();
}

function textOf({ after, upTo, lost }: Absence): string {
  if (upTo === undefined) return "Cut off here. The room goes on.";
  const missed = upTo - after;
  if (lost) return `Away for too long: ${missed} events are gone, the board is up to date.`;
  return `${missed} ${missed === 1 ? "event" : "events"} caught up, none missing`;
}

const eventRow = (event: ShipmentEvent): ReactNode => (
  <>
    <span className="seq">#{event.seq}</span>
    <span className="id">{event.key}</span>
    <span>{newsOf(event)}</span>
  </>
);

function newsOf(event: ShipmentEvent): string {
  if (event.data === null) return "off the board";
  const { from, to, progress } = event.data;
  switch (event.name) {
    case "shipment:booked":
      return `booked, ${from.iata} to ${to.iata}`;
    case "shipment:departed":
      return `left ${from.iata} for ${to.iata}`;
    case "shipment:moved":
      return `${Math.floor(progress * 100)} % of the way to ${to.iata}`;
    case "shipment:delayed":
      return `held on the way to ${to.iata}`;
    case "shipment:delivered":
      return `delivered in ${to.iata}`;
  }
}
