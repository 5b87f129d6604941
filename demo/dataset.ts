import { readFileSync } from "node:fs";

/**
 * Reads a file of vega-datasets. The package exports only its index, so the file is read from its
 * directory.
 */
export const dataset = (file: string): string =>
  readFileSync(new URL(`../data/${file}`, import.meta.resolve("vega-datasets")), "utf8");
