/** The report: Markdown and pictures, from what was measured and nothing else. */
import type { Results } from "../results.ts";
import { type Aim, aims, isMet } from "./aims.ts";
import { type Panel, plot, times } from "./plot.ts";
import { type Column, type Section, sections } from "./sections.ts";
import { type Spread, Table } from "./table.ts";

/** Files by their path from the root of the repository. */
export function report(results: Results): Map<string, string> {
  const table = new Table(results);
  const files = new Map<string, string>();
  const picture = (name: string, label: string, panels: readonly Panel[]): string => {
    if (panels.length === 0) return "";
    files.set(`docs/images/benchmark-${name}.svg`, plot(label, panels));
    return `![${label}](images/benchmark-${name}.svg)\n\n`;
  };
  const shown = sections.filter(({ scenario }) => table.parts(scenario).length > 0);
  const body = shown.map((section) => {
    const panels = table
      .parts(section.scenario)
      .flatMap((at) => panelsOf(results, table, section, at, section.columns));
    return `## ${section.title}\n\n${section.text}\n\n${picture(section.scenario, section.title, panels)}${tablesOf(results, table, section)}`;
  });
  const summary = picture("summary", "Roomcast and its peers", summaryOf(results, table));
  files.set(
    "docs/benchmark.md",
    [
      "# Benchmark\n",
      `<!-- Written by \`make bench\` from bench/results.json. -->\n`,
      introduction(results, table),
      `${summary}${aimsOf(table)}`,
      peersOf(results),
      ...body,
    ].join("\n"),
  );
  return files;
}

function introduction(
  { date, machine, runs, worker, scale, failed }: Results,
  table: Table,
): string {
  const { cpu, cores, memory_gib, system, node } = machine;
  const highest = table.busiest().toSorted((a, b) => b.busiest - a.busiest);
  const busy = highest.filter(({ busiest }) => busiest > BUSY);
  const most = highest[0];
  const bottleneck =
    busy.length === 0
      ? most && `its busiest thread used at most ${percent(most.busiest)} of a core`
      : `its busiest thread used more than ${percent(BUSY)} of a core, and may have been the limit, in: ${busy.map(({ scenario, peer, busiest }) => `${scenario} with ${peer} (${percent(busiest)})`).join(", ")}`;
  return [
    `Roomcast side by side with its peers on one machine, each a process of its own, one at a time, with the same load program; in ${runs} ${runs === 1 ? "run" : "runs"}, each of which begins with another peer. Figures of one machine say little about another, so the pictures show ratios: those within each run, with the least and the most of all runs.\n`,
    `- ${date.slice(0, 10)}, ${cores} cores of ${cpu}, ${memory_gib} GiB, ${system}, Node ${node}${scale === "full" ? "" : `; a ${scale} look`}`,
    `- What runs on Cloudflare runs on workerd here, without a proxy before it`,
    `- CPU is user and system time of the server's process, from \`/proc\``,
    `- The load program reads sockets on threads of its own; ${bottleneck}`,
    ...(worker ? [`- Roomcast's worker is ${worker.gzipped_kb} kB gzipped`] : []),
    ...failed.map(({ run, scenario, peer, why }) => {
      return `- **Failed**: ${scenario} with ${peer} in run ${run}: ${why.split("\n")[0]}`;
    }),
    `- Every run's figures are in [results.json](../bench/results.json); \`make bench\` measures anew, \`make bench ARGS='--runs 1 --only burst --peers roomcast,ws --quick'\` a part\n`,
  ].join("\n");
}

/** Above it, the load program may be what is measured. */
const BUSY = 0.8;
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function aimsOf(table: Table): string {
  const rows = aims(table).map((aim) => {
    const { what, side, measured } = aim;
    const met = isMet(aim) ? "met" : "**missed**";
    return `| ${what} | ${side} ${inUnit(aim, aim.bound)} | ${inUnit(aim, measured.median)} (${inUnit(aim, measured.min)} to ${inUnit(aim, measured.max)}) | ${met} |`;
  });
  if (rows.length === 0) return "";
  return `## Aims\n\n| | aim | measured (least to most) | |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

const inUnit = ({ unit }: Aim, value: number): string =>
  unit === "×" ? times(value) : Math.round(value).toLocaleString("en");

function peersOf({ peers }: Results): string {
  const rows = peers.map(({ title, version, setup, lacks }) => {
    return `| ${title} | ${version} | ${setup} | ${lacks.join("; ") || "–"} |`;
  });
  return `## Peers\n\n| | version | set up | promises less |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
}

function tablesOf({ peers }: Results, table: Table, { scenario, columns }: Section): string {
  return table
    .parts(scenario)
    .map((at) => {
      const rows = peers.flatMap(({ name, title }) => {
        const cells = columns.map(({ figure }) => table.spread(scenario, at, name, figure));
        return cells.every((cell) => cell === undefined)
          ? []
          : [`| ${title} | ${cells.map(cell).join(" | ")} |`];
      });
      const titles = columns.map(({ title }) => title).join(" | ");
      return `| ${at ?? ""} | ${titles} |\n| --- |${" --- |".repeat(columns.length)}\n${rows.join("\n")}\n`;
    })
    .join("\n");
}

function cell(spread: Spread | undefined): string {
  if (!spread) return "–";
  const { median, min, max } = spread;
  return min === max ? digits(median) : `${digits(median)} (${digits(min)} to ${digits(max)})`;
}

const digits = (value: number): string =>
  Math.abs(value) >= 100
    ? Math.round(value).toLocaleString("en")
    : String(Number(value.toPrecision(3)));

function panelsOf(
  { peers }: Results,
  table: Table,
  { scenario, title }: Pick<Section, "scenario" | "title">,
  at: string | undefined,
  columns: readonly Column[],
): Panel[] {
  return columns.flatMap((column) => {
    const { plot: better, figure } = column;
    if (!better) return [];
    const bars = peers.flatMap(({ name, title }) => {
      const ratio = table.ratio(scenario, at, [name, "plain"], figure);
      return ratio && name !== "plain" ? [{ title, ratio, own: name === "roomcast" }] : [];
    });
    if (bars.length === 0) return [];
    return [{ title: [at ?? title, column.title].join(": "), better, bars }];
  });
}

/** What most people ask first. */
const SUMMARY: readonly [
  scenario: string,
  at: string | undefined,
  column: number,
  title: string,
][] = [
  ["paced", "1000 sockets", 3, "CPU of a delivery, 1,000 sockets"],
  ["burst", undefined, 0, "Events delivered a second, in a burst"],
  ["storm", undefined, 0, "2,000 clients come back: until all are whole"],
];

function summaryOf(results: Results, table: Table): Panel[] {
  return SUMMARY.flatMap(([scenario, at, column, title]) => {
    const section = sections.find((section) => section.scenario === scenario)!;
    const panels = panelsOf(results, table, section, at, [section.columns[column]!]);
    return panels.map((panel) => ({ ...panel, title }));
  });
}
