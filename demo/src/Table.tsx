import { memo } from "react";
import type { Shipment } from "../shared/shipments.ts";
import type { Board } from "./board.ts";
import { duration } from "./time.ts";

const COLUMNS = [
  ["id", "Shipment"],
  ["cargo", "Cargo"],
  ["route", "Route"],
  ["status", "Status"],
  ["eta", "Arrives in"],
  ["progress", "Progress"],
] as const;

export function Table({ board }: { board: Board }) {
  return (
    <section className="panel shipments" aria-labelledby="shipments">
      <h2 id="shipments">Shipments</h2>
      <table aria-labelledby="shipments">
        <thead>
          <tr>
            {COLUMNS.map(([name, title]) => (
              <th key={name} scope="col" className={name}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {board.map((shipment, row) =>
            shipment ? <Row key={shipment.id} shipment={shipment} /> : <EmptyRow key={row} />,
          )}
        </tbody>
      </table>
    </section>
  );
}

/** Shows one shipment. Renders again only after an event of this shipment. */
const Row = memo(function Row({ shipment }: { shipment: Shipment }) {
  const { id, cargo, from, to, status, minutesLeft } = shipment;
  const percent = Math.floor(shipment.progress * 100);
  return (
    <tr>
      <th scope="row" className="id">
        {id}
      </th>
      <td className="cargo">{cargo}</td>
      <td className="route">
        {from.iata}{" "}
        <span className="arrow" role="img" aria-label="to">
          →
        </span>{" "}
        {to.iata}
        <span className="cities">
          {from.city} to {to.city}
        </span>
      </td>
      <td className="status">
        <span className="pill" data-status={status}>
          {status}
        </span>
      </td>
      <td className="eta">{minutesLeft === 0 ? "–" : duration(minutesLeft)}</td>
      <td className="progress">
        <span className="bar" data-status={status} style={{ "--done": `${percent}%` }} />
        {`${percent}%`}
      </td>
    </tr>
  );
});

/** Placeholder with the size of a row, so that the layout does not shift when shipments arrive. */
const EmptyRow = () => (
  <tr>
    {COLUMNS.map(([name]) => (
      <td key={name} className={name} />
    ))}
  </tr>
);
