// make cost ARGS='--rooms 10 --readers 100 --events 1/s'
// make cost ARGS=--measure
//
// Prints what a load costs on Cloudflare in a month, and by the list prices of Pusher Channels and
// Ably. With --measure, performs each action on workerd and prints its billed units.
import { parseLoad, USAGE } from "./cost/load.ts";
import { actionTable, loadReport } from "./cost/report.ts";

async function main(args: string[]): Promise<void> {
  if (args.length === 0 || args.includes("--help")) return console.log(USAGE);
  const load = parseLoad(args);
  if (load) return console.log(`${loadReport(load)}\n\nSources and assumptions: docs/costs.md`);
  const { measure } = await import("./cost/measure.ts");
  console.log(actionTable(await measure()));
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`cost: ${error.message}`);
  process.exitCode = 1;
});
