// node torture/report.ts
//
// Writes docs/torture.md again from torture/results.json. torture/main.ts adds its results first.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { SLOWER, SLOWER_MS } from "./attack/attack.ts";
import { SUITES } from "./suites.ts";
import type { Result } from "./run.ts";

const RESULTS = resolve(import.meta.dirname, "results.json");
const PAGE = resolve(import.meta.dirname, "../docs/torture.md");

interface Recorded extends Result {
  on: string;
  at: string;
}

/** The name of the suite, what was injected, what came of it. */
export function cells({ options, outcome, skipped, failed, tookMs }: Result): string[] {
  const took = `${options.suite} (${Math.round(tookMs / 1_000)} s, seed ${options.seed})`;
  if (failed !== undefined) return [took, "FAILED", failed];
  if (skipped !== undefined) return [took, "skipped", skipped];
  const { injected = {}, observed = {}, atMost, notes = [] } = outcome ?? {};
  return [took, counted(injected), [counted(observed, atMost), ...notes].join(". ")];
}

/** Adds to what was recorded of other suites, and writes the page anew. */
export function record(results: Result[]): void {
  const earlier: Record<string, Recorded> = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, "utf8"))
    : {};
  const at = new Date().toISOString().slice(0, 10);
  const all = { ...earlier };
  for (const { failed, ...rest } of results) {
    // Where it failed is for whoever runs it.
    const why = failed === undefined ? {} : { failed: failed.split("\n", 1).join("") };
    all[rest.options.suite] = { ...rest, ...why, on: machine(), at };
  }
  writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(PAGE, page(Object.keys(SUITES).flatMap((suite) => all[suite] ?? [])));
}

function page(records: Recorded[]): string {
  const rows = records.map((record) => {
    const [, injected, observed] = cells(record);
    const { suite, seed, seconds } = record.options;
    const took = `${Math.round(record.tookMs / 1_000)} s, seed ${seed}`;
    const bound = seconds === undefined ? "" : `, cut short by \`--for ${seconds}\``;
    return `| ${suite} | ${injected} | ${observed} | ${took}${bound} |`;
  });
  const about = records.map(
    ({ options }) => `- **${options.suite}**: ${SUITES[options.suite]?.about}.`,
  );
  const machines = [...new Set(records.map(({ on, at }) => `${at}: ${on}`))];
  return `# Torture

What was thrown at the worker on workerd, and what came of it. \`make torture\` wrote this page from \`torture/results.json\`; \`make torture ARGS='--seed 7 --only kill --for 60'\` does a suite of it again.

${about.join("\n")}

What must not be is asserted: a suite in which anything acknowledged was lost, doubled or out of order says FAILED here, and so does one in which a figure passed the bound behind it ("at most"). **strangers** and **greedy** measure all the while how long an event takes for bystanders, in the attacked room and in another; their bound is ${SLOWER} times the p50 before, and ${SLOWER_MS} ms for a machine that is busy with the attack.

| suite | injected | observed | took |
| --- | --- | --- | --- |
${rows.join("\n")}

Found on the way, and not the worker's:

- workerd logs \`expected !currentlySending; another message send is already in progress\` where a client pinged and reset its connection: its ping is answered on a socket whose last write has failed already. The room is told that the socket is gone (\`webSocketError\`), and no other socket is touched. A plain JavaScript object with an auto-response makes it log the same.

${machines.map((each) => `Run on ${each}.`).join("\n")}
`;
}

function machine(): string {
  const workerd = createRequire(import.meta.url)("workerd/package.json").version;
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1e9);
  return `${cpus().length} × ${cpu?.model}, ${memory} GB, ${process.platform}, Node ${process.versions.node}, workerd ${workerd}`;
}

/** Numbers with what they count, and with the bound of those that have one. */
function counted(counts: Record<string, number>, atMost: Record<string, number> = {}): string {
  const { format } = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  return Object.entries(counts)
    .map(([what, count]) => {
      const most = atMost[what];
      return `${format(count)} ${what}${most === undefined ? "" : ` (at most ${format(most)})`}`;
    })
    .join(", ");
}

if (import.meta.main) record([]);
