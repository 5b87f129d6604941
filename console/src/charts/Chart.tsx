import { useId } from "react";
import { formatDuration, formatNumber, formatTime } from "../format.ts";
import type { Point } from "./metrics.ts";

/** A line of a chart. */
export interface Line {
  readonly name: string;
  readonly of: (point: Point) => number | undefined;
}

interface Props {
  readonly title: string;
  readonly unit?: string;
  readonly lines: readonly Line[];
  readonly points: readonly Point[];
}

const WIDTH = 300;
const HEIGHT = 72;
/** A longer time without a point is a gap: the page was hidden, or offline. */
const GAP_MS = 45_000;

export function Chart({ title, unit = "", lines, points }: Props) {
  const id = useId();
  const values = lines.flatMap(({ of }) => points.map(of)).filter((value) => value !== undefined);
  const top = niceMax(Math.max(0, ...values));
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      <p className="figures">
        {lines.map(({ name, of }) => (
          <span key={name}>
            {lines.length > 1 && <i>{name}</i>}
            <strong>{shown(points.at(-1) && of(points.at(-1)!), unit)}</strong>
          </span>
        ))}
      </p>
      <div className="plot">
        <span aria-hidden="true">{shown(top, unit)}</span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={summary(title, unit, lines, points)}
        >
          <path className="grid" d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
          <path className="axis" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
          {lines.map(({ name, of }) => (
            <path key={name} className="line" d={pathOf(points, of, top)} />
          ))}
        </svg>
      </div>
      <details>
        <summary>Table</summary>
        <Table title={title} unit={unit} lines={lines} points={points} />
      </details>
    </figure>
  );
}

const shown = (value: number | undefined, unit: string): string =>
  value === undefined ? "–" : `${formatNumber(value)}${unit && ` ${unit}`}`;

/** Returns the text alternative of a chart: the current, lowest and highest value of each line. */
function summary(
  title: string,
  unit: string,
  lines: readonly Line[],
  points: readonly Point[],
): string {
  const first = points[0];
  if (first === undefined) return `${title}: no data yet`;
  const last = points.at(-1)!;
  const texts = lines.map(({ name, of }) => {
    const values = points.map(of).filter((value) => value !== undefined);
    const range =
      values.length === 0
        ? "no data yet"
        : `now ${shown(of(last), unit)}, lowest ${shown(Math.min(...values), unit)}, highest ${shown(Math.max(...values), unit)}`;
    return lines.length > 1 ? `${name} ${range}` : range;
  });
  return `${title}: ${texts.join("; ")}, in the last ${formatDuration(last.at - first.at)}`;
}

function pathOf(points: readonly Point[], of: Line["of"], top: number): string {
  const [start = 0, end = 1] = [points[0]?.at, points.at(-1)?.at];
  let path = "";
  let before: number | undefined;
  for (const point of points) {
    const value = of(point);
    if (value === undefined) {
      before = undefined;
      continue;
    }
    const x = (WIDTH * (point.at - start)) / Math.max(1, end - start);
    const y = HEIGHT - 1 - ((HEIGHT - 2) * value) / top;
    const isNew = before === undefined || point.at - before > GAP_MS;
    path += `${isNew ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = point.at;
  }
  return path;
}

/** Returns the next larger number of the form 1, 2 or 5 times a power of ten. */
export function niceMax(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10, 20].find((step) => value < step * power)!;
}

/** Shows the last point of each minute, the newest first. */
function Table({ title, unit, lines, points }: Required<Props>) {
  const minutes = new Map(points.map((point) => [Math.floor(point.at / 60_000), point]));
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col" className="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...minutes.values()].reverse().map((point) => (
            <tr key={point.at}>
              <th scope="row">{formatTime(point.at)}</th>
              {lines.map(({ name, of }) => (
                <td key={name} className="number">
                  {shown(of(point), unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
