// node bench/main.ts [--runs <runs>] [--only <scenario,…>] [--peers <peer,…>] [--quick]
//
// Compares Roomcast with its peers. All of it goes to results.json, and to the
// report; a part is only printed.
import { parseArgs } from "node:util";
import { bench } from "./bench.ts";
import { peers } from "./peers/index.ts";
import { scenarios } from "./scenarios/index.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: "string", default: "5" },
      only: { type: "string" },
      peers: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const results = await bench({
    peers: chosen(values.peers, peers, "peer"),
    scenarios: chosen(values.only, scenarios, "scenario"),
    runs: Number(values.runs),
    scale: values.quick ? "quick" : "full",
    tell: (line) => console.log(line),
  });
  for (const { run, scenario, peer, figures } of results.measured)
    console.log(run, scenario, peer, figures);
}

function chosen<T extends { name: string }>(
  names: string | undefined,
  all: readonly T[],
  kind: string,
): readonly T[] {
  return names === undefined
    ? all
    : names.split(",").map((name) => {
        const found = all.find((one) => one.name === name);
        if (!found)
          throw new Error(`no ${kind} ${name}: there is ${all.map(({ name }) => name).join(", ")}`);
        return found;
      });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
