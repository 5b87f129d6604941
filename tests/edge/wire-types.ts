/** Checks received frames and answers against the types that the package exports. */
import { compilerIn } from "../../client/test/compile.ts";

const compile = compilerIn("received");

/** One value of each shape: its text, and the name of its type. */
const samples = new Map<string, string>();

/**
 * Records a received text for `checkReceived`. Values with the same fields and the same types of
 * values have the same shape, and only the first of them is recorded.
 */
export function recordReceived(type: string, text: string): void {
  const shape = `${type} ${JSON.stringify(shapeOf(JSON.parse(text)))}`;
  if (!samples.has(shape)) samples.set(shape, `(${text}) satisfies Wire.${type};`);
}

/** Replaces each value by its type, except `type` and `code`, whose values the types list. */
function shapeOf(value: unknown, field = ""): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shapeOf(item))))];
  if (typeof value !== "object" || value === null) {
    return ["type", "code"].includes(field) ? value : value === null ? null : typeof value;
  }
  return Object.entries(value).map(([name, item]) => [
    name,
    name === "data" ? "data" : shapeOf(item, name),
  ]);
}

/** Compiles the recorded values. Fails if a value does not have its type. */
export function checkReceived(): number {
  const code = `import type * as Wire from "roomcast/protocol";\n${[...samples.values()].join("\n")}\n`;
  const compilerOptions = { strict: true, noEmit: true, module: "nodenext", target: "es2023" };
  compile("values", { "values.ts": code }, { compilerOptions });
  return samples.size;
}
