/**
 * Draws bar charts of ratios to the plain object, as SVG. Each figure has a panel, with one bar for
 * each peer. A bar extends from 1× to the median of the runs. A thin line extends from the minimum
 * to the maximum. The scale is logarithmic, so 2× and 0.5× have the same distance from 1×. A
 * picture fits the width of a phone, and follows the colour scheme of the page.
 */
import type { Spread } from "./table.ts";

export interface Panel {
  title: string;
  better: "less" | "more";
  bars: readonly { title: string; ratio: Spread; own: boolean }[];
}

const WIDTH = 420;
const NAMES = 112;
const LABELS = 52;
const TITLE = 34;
const ROW = 20;
const AXIS = 18;
const TICKS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 } .note, .tick { fill: #59636e } .tick { font-size: 10px }
  .bar { fill: #8c959f } .own { fill: #0969da } .spread { stroke: #1f2328; stroke-width: 1.5 }
  .grid { stroke: #d1d9e0 } .one { stroke: #59636e }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note, .tick { fill: #9198a1 }
    .bar { fill: #656c76 } .own { fill: #4493f8 } .spread { stroke: #f0f6fc }
    .grid { stroke: #3d444d } .one { stroke: #9198a1 }
  }`;

export function plot(label: string, panels: readonly Panel[]): string {
  let top = 4;
  const drawn = panels.map((panel) => {
    const text = draw(panel, top);
    top += TITLE + panel.bars.length * ROW + AXIS + 10;
    return text;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-label="${escaped(label)}">
<style>${STYLE}
</style>
${drawn.join("\n")}
</svg>
`;
}

function draw({ title, better, bars }: Panel, top: number): string {
  const values = bars.flatMap(({ ratio }) => [ratio.min, ratio.max]).filter((value) => value > 0);
  const low = Math.log(Math.min(0.5, ...values) / 1.1);
  const high = Math.log(Math.max(2, ...values) * 1.1);
  const room = WIDTH - NAMES - LABELS;
  const x = (value: number): number =>
    round(NAMES + ((Math.log(Math.max(value, Math.exp(low))) - low) / (high - low)) * room);
  const first = top + TITLE;
  const end = first + bars.length * ROW;
  const ticks = TICKS.filter((tick) => Math.log(tick) >= low && Math.log(tick) <= high).map(
    (tick) =>
      `<line class="${tick === 1 ? "one" : "grid"}" x1="${x(tick)}" x2="${x(tick)}" y1="${first - 2}" y2="${end}"/>` +
      `<text class="tick" x="${x(tick)}" y="${end + 12}" text-anchor="middle">${tick}×</text>`,
  );
  const rows = bars.map(({ title, ratio, own }, i) => {
    const y = first + i * ROW;
    const [from, to] = [x(1), x(ratio.median)].toSorted((a, b) => a - b) as [number, number];
    return [
      `<text x="${NAMES - 6}" y="${y + 13}" text-anchor="end"${own ? ' class="title"' : ""}>${escaped(title)}</text>`,
      `<rect class="${own ? "own" : "bar"}" x="${from}" y="${y + 3}" width="${round(Math.max(1, to - from))}" height="${ROW - 8}"/>`,
      `<line class="spread" x1="${x(ratio.min)}" x2="${x(ratio.max)}" y1="${y + 9}" y2="${y + 9}"/>`,
      `<text x="${WIDTH - 2}" y="${y + 13}" text-anchor="end"${own ? ' class="title"' : ""}>${times(ratio.median)}</text>`,
    ].join("");
  });
  return [
    `<text class="title" x="2" y="${top + 13}">${escaped(title)}</text>`,
    `<text class="note" x="2" y="${top + 27}">relative to the plain Durable Object; ${better} is better</text>`,
    ...ticks,
    ...rows,
  ].join("\n");
}

/** Formats a ratio. A ratio below 1,000 is rounded to at most three digits. */
export const times = (value: number): string =>
  `${value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}×`;

const round = (value: number): number => Math.round(value * 10) / 10;
const escaped = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);
