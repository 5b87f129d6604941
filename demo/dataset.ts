import { readFileSync } from "node:fs";

/** Reads a file of vega-datasets. Its package exports only the index. */
export const dataset = (file: string): string =>
  readFileSync(new URL(`../data/${file}`, import.meta.resolve("vega-datasets")), "utf8");
