import { readFileSync } from "node:fs";

/** The text of a file of vega-datasets, whose exports name only its index. */
export const dataset = (file: string): string =>
  readFileSync(new URL(`../data/${file}`, import.meta.resolve("vega-datasets")), "utf8");
