/**
 * node map.ts
 *
 * Draws the map at build time from the Census Bureau's shapes. If the browser drew the map, the
 * page would load ten times as much data as it shows.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { geoPath } from "d3-geo";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, MultiPolygon, Topology } from "topojson-specification";
import { dataset } from "./dataset.ts";
import { HEIGHT, projection, WIDTH } from "./src/projection.ts";

type Usa = Topology<{ land: MultiPolygon; states: GeometryCollection }>;

const usa: Usa = JSON.parse(dataset("us-10m.json"));
const path = geoPath(projection).digits(1);

const land = path(feature(usa, usa.objects.land));
const borders = path(mesh(usa, usa.objects.states, (a, b) => a !== b));

mkdirSync(new URL("public", import.meta.url), { recursive: true });
writeFileSync(
  new URL("public/usa.svg", import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">
<path id="land" d="${land}"/>
<path id="borders" fill="none" d="${borders}"/>
</svg>
`,
);
