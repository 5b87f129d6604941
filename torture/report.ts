// node torture/report.ts
//
// Generates docs/torture.md from torture/results.json, without a run.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { SLOWER, SLOWER_MS } from "./attack/attack.ts";
import type { Result } from "./run.ts";
import { SUITES } from "./suites.ts";

const RESULTS = resolve(import.meta.dirname, "results.json");
const PAGE = resolve(import.meta.dirname, "../docs/torture.md");

interface Recorded extends Result {
  on: string;
  at: string;
}

/**
 * Returns three texts about a run: the suite and its duration, the injected faults, and the
 * observed figures.
 */
export function cells({ options, outcome, skipped, failed, tookMs }: Result): string[] {
  const took = `${options.suite} (${Math.round(tookMs / 1_000)} s, seed ${options.seed})`;
  if (failed !== undefined) return [took, "FAILED", failed];
  if (skipped !== undefined) return [took, "skipped", skipped];
  const { injected = {}, observed = {}, atMost, notes = [] } = outcome ?? {};
  return [took, counted(injected), [counted(observed, atMost), ...notes].join(". ")];
}

/** Replaces the recorded results of the suites that ran, and writes the page again. */
export function record(results: Result[]): void {
  const earlier: Record<string, Recorded> = existsSync(RESULTS)
    ? JSON.parse(readFileSync(RESULTS, "utf8"))
    : {};
  const at = new Date().toISOString().slice(0, 10);
  const all = { ...earlier };
  for (const { failed, ...rest } of results) {
    // The run prints the stack trace, which contains local paths. Only the first line of the stack
    // trace is recorded.
    const reason = failed === undefined ? {} : { failed: failed.split("\n", 1).join("") };
    all[rest.options.suite] = { ...rest, ...reason, on: machine(), at };
  }
  writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(PAGE, page(Object.keys(SUITES).flatMap((suite) => all[suite] ?? [])));
}

function page(records: Recorded[]): string {
  const rows = records.map((record) => {
    const [, injected, observed] = cells(record);
    const { suite, seed, seconds } = record.options;
    const took = `${Math.round(record.tookMs / 1_000)} s, seed ${seed}`;
    const limit = seconds === undefined ? "" : `, limited by \`--for ${seconds}\``;
    return `| ${suite} | ${injected} | ${observed} | ${took}${limit} |`;
  });
  const about = records.map(
    ({ options }) => `- **${options.suite}**: ${SUITES[options.suite]?.about}.`,
  );
  const machines = [...new Set(records.map(({ on, at }) => `${at}: ${on}`))];
  return `# Torture

\`make torture\` runs the worker on workerd and injects faults: kills, full disks, bad networks, floods. This page is generated from \`torture/results.json\`. \`make torture ARGS='--seed 7 --only kill --for 60'\` repeats one suite with seed 7, for at most 60 seconds.

${about.join("\n")}

Every suite asserts its rules. The table shows FAILED if an acknowledged event was lost, duplicated or out of order, or if a figure exceeded its bound ("at most").

During each attack, **strangers** and **greedy** also measure how long an event takes to reach bystanders in the attacked room and in another room. The p50 may be at most ${SLOWER} times the p50 before the attack, plus ${SLOWER_MS} ms. The constant allows for the load that the attack itself puts on the machine.

| suite | injected | observed | took |
| --- | --- | --- | --- |
${rows.join("\n")}

The runs also found one defect of workerd itself:

- workerd logs \`expected !currentlySending; another message send is already in progress\` if a client sends a ping and then resets its connection. workerd then answers the ping on a socket whose last write has already failed. The runtime reports the closed socket to the room (\`webSocketError\`), and no other socket is affected. A plain JavaScript object with an auto-response causes the same log line.

${machines.map((each) => `Run on ${each}.`).join("\n")}
`;
}

function machine(): string {
  const workerd = createRequire(import.meta.url)("workerd/package.json").version;
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1e9);
  return `${cpus().length} × ${cpu?.model}, ${memory} GB, ${process.platform}, Node ${process.versions.node}, workerd ${workerd}`;
}

/** Formats each number with its name, and with its bound if there is one. */
function counted(counts: Record<string, number>, atMost: Record<string, number> = {}): string {
  const { format } = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  return Object.entries(counts)
    .map(([name, count]) => {
      const most = atMost[name];
      return `${format(count)} ${name}${most === undefined ? "" : ` (at most ${format(most)})`}`;
    })
    .join("; ");
}

if (import.meta.main) record([]);
