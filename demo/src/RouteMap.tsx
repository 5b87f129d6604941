import type { Airport, Shipment } from "../shared/shipments.ts";
import type { Board } from "./board.ts";
import { Cursors, usePointerSignal } from "./people/Cursors.tsx";
import { HEIGHT, pathOf, pointOf, WIDTH } from "./projection.ts";

export function RouteMap({ board }: { board: Board }) {
  const shipments = board.filter((shipment) => shipment !== undefined);
  return (
    <svg
      className="map panel"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="Map of the United States with the route of each shipment. The table lists the same shipments."
      {...usePointerSignal()}
    >
      <use className="land" href="/usa.svg#land" />
      <use className="borders" href="/usa.svg#borders" />
      {shipments.map((shipment) => (
        <Route key={shipment.id} shipment={shipment} />
      ))}
      {airportsOf(shipments).map((airport) => (
        <AirportMarker key={airport.iata} airport={airport} />
      ))}
      {shipments.map((shipment) => (
        <Plane key={shipment.id} shipment={shipment} />
      ))}
      <Cursors />
    </svg>
  );
}

/** Draws the whole route, and then its completed part on top. */
function Route({ shipment: { from, to, status, progress } }: { shipment: Shipment }) {
  const path = pathOf(from, to);
  return (
    <g className="route" data-status={status}>
      <path d={path} />
      <path d={path} className="done" pathLength={1} style={{ strokeDashoffset: 1 - progress }} />
    </g>
  );
}

function Plane({ shipment: { from, to, status, progress } }: { shipment: Shipment }) {
  return (
    <g
      className="plane"
      data-status={status}
      style={{ offsetPath: `path("${pathOf(from, to)}")`, offsetDistance: `${progress * 100}%` }}
    >
      <path d="M8,0 -6,6 -3,0 -6,-6Z" />
    </g>
  );
}

function AirportMarker({ airport }: { airport: Airport }) {
  const [x, y] = pointOf(airport);
  return (
    <g className="airport" transform={`translate(${x},${y})`}>
      <circle r="3" />
      <text y="-8">{airport.iata}</text>
    </g>
  );
}

function airportsOf(shipments: readonly Shipment[]): Airport[] {
  const airports = shipments.flatMap(({ from, to }) => [from, to]);
  return [...new Map(airports.map((airport) => [airport.iata, airport])).values()];
}
