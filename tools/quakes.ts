// A real week of earthquakes as the USGS recorded it: 1,707 GeoJSON features.
import { readFileSync } from "node:fs";

export interface Feature {
  id: string;
  /** The feature's JSON as it stands in the file, to the byte. */
  text: string;
}

export function features(): Feature[] {
  const file = new URL("../node_modules/vega-datasets/data/earthquakes.json", import.meta.url);
  const text = readFileSync(file, "utf8");
  return objects(text, text.indexOf("[", text.indexOf('"features"'))).map((text) => ({
    id: (JSON.parse(text) as { id: string }).id,
    text,
  }));
}

/** A feature as the JSON of an event, its text untouched. */
export function event({ id, text }: Feature): string {
  return `{"id":${JSON.stringify(id)},"key":${JSON.stringify(id)},"name":"quake","data":${text}}`;
}

/** The text of every object in the array that begins at `start`. */
function objects(json: string, start: number): string[] {
  const found: string[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]/g; // strings too, since brackets may be in them
  token.lastIndex = start;
  let depth = 0;
  let from = start;
  do {
    const match = token.exec(json);
    if (!match) throw new Error("the array does not end");
    if ("[{".includes(match[0]) && ++depth === 2) from = match.index;
    if ("]}".includes(match[0]) && --depth === 1) found.push(json.slice(from, token.lastIndex));
  } while (depth > 0);
  return found;
}
