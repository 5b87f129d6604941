/** Real airports and the routes between them, from vega-datasets. */
import { csvParse } from "d3-dsv";
import { geoAlbersUsa, geoDistance } from "d3-geo";
import { dataset } from "../dataset.ts";
import type { Airport } from "../shared/shipments.ts";

export interface Route {
  readonly from: Airport;
  readonly to: Airport;
  readonly km: number;
}

const EARTH_RADIUS_KM = 6_371;
const HUB_COUNT = 24;
/** Minimum distance between two airports. Airports that are closer would overlap on the map. */
const MIN_DISTANCE_KM = 320;
/** Minimum length of a route. A shorter flight would end too soon for a visitor to notice it. */
const MIN_ROUTE_KM = 600;

/** Returns the routes between the busiest airports. */
export function readRoutes(): Route[] {
  const flights = readCsv("flights-airport.csv");
  const hubs = new Map(busiestAirports(flights).map((airport) => [airport.iata, airport]));
  return flights.flatMap(({ origin, destination }) => {
    const from = hubs.get(origin!);
    const to = hubs.get(destination!);
    if (!from || !to) return [];
    const km = distanceKm(from, to);
    return km < MIN_ROUTE_KM ? [] : [{ from, to, km }];
  });
}

function busiestAirports(flights: readonly Record<string, string>[]): Airport[] {
  const traffic = new Map<string, number>();
  for (const { origin, count } of flights) {
    traffic.set(origin!, (traffic.get(origin!) ?? 0) + Number(count));
  }
  const trafficOf = ({ iata }: Airport): number => traffic.get(iata) ?? 0;
  const project = geoAlbersUsa();

  const hubs: Airport[] = [];
  for (const airport of readAirports().sort((a, b) => trafficOf(b) - trafficOf(a))) {
    if (hubs.length === HUB_COUNT) break;
    const isApart = hubs.every((hub) => distanceKm(hub, airport) >= MIN_DISTANCE_KM);
    if (isApart && project([...airport.location])) hubs.push(airport);
  }
  return hubs;
}

const readAirports = (): Airport[] =>
  readCsv("airports.csv").map(({ iata, city, longitude, latitude }) => ({
    iata: iata!,
    city: city!,
    location: [Number(longitude), Number(latitude)],
  }));

const distanceKm = (a: Airport, b: Airport): number =>
  geoDistance([...a.location], [...b.location]) * EARTH_RADIUS_KM;

const readCsv = (file: string): Record<string, string>[] => csvParse(dataset(file));
