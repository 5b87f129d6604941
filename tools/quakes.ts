// A real week of earthquakes, recorded by the USGS: 1,707 GeoJSON features.
import { readFileSync } from "node:fs";
import type { NewEvent } from "roomcast/server";

export interface Earthquake {
  id: string;
  /**
   * JSON text of the feature in the file. `JSON.stringify` produces the same bytes from the parsed
   * value.
   */
  text: string;
}

export function earthquakes(): Earthquake[] {
  const file = new URL("../node_modules/vega-datasets/data/earthquakes.json", import.meta.url);
  const text = readFileSync(file, "utf8");
  return objects(text, text.indexOf("[", text.indexOf('"features"'))).map((text) => ({
    id: (JSON.parse(text) as { id: string }).id,
    text,
  }));
}

/** Returns an event with the earthquake's id as its id and its key. */
export function event({ id, text }: Earthquake): NewEvent {
  return { id, key: id, name: "quake", data: JSON.parse(text) };
}

/** Returns the text of every object in the array that starts at `start`. */
function objects(json: string, start: number): string[] {
  const found: string[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]/g; // A string may contain brackets.
  token.lastIndex = start;
  let depth = 0;
  let from = start;
  do {
    const match = token.exec(json);
    if (!match) throw new Error("the array has no end");
    if ("[{".includes(match[0]) && ++depth === 2) from = match.index;
    if ("]}".includes(match[0]) && --depth === 1) found.push(json.slice(from, token.lastIndex));
  } while (depth > 0);
  return found;
}
