/** Positions on the map. */
import { geoAlbersUsa } from "d3-geo";
import type { Airport } from "../shared/shipments.ts";

export const WIDTH = 975;
export const HEIGHT = 610;

/** Projects the United States, with Alaska and Hawaii moved next to the mainland. */
export const projection = geoAlbersUsa()
  .scale(1300)
  .translate([WIDTH / 2, HEIGHT / 2]);

export type Point = readonly [x: number, y: number];

export function pointOf({ iata, location: [longitude, latitude] }: Airport): Point {
  const point = projection([longitude, latitude]);
  if (point === null) throw new Error(`${iata} is not on the map`);
  return [round(point[0]), round(point[1])];
}

/**
 * Returns a route as an SVG path. The path curves to the left, so that the route in the opposite
 * direction is a separate line.
 */
export function pathOf(from: Airport, to: Airport): string {
  const [x1, y1] = pointOf(from);
  const [x2, y2] = pointOf(to);
  const [dx, dy] = [x2 - x1, y2 - y1];
  const bend = 0.15;
  return `M${x1},${y1}Q${round((x1 + x2) / 2 + dy * bend)},${round((y1 + y2) / 2 - dx * bend)},${x2},${y2}`;
}

const round = (units: number): number => Math.round(units * 10) / 10;
