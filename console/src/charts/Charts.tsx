import { useSyncExternalStore } from "react";
import { ErrorText } from "../ErrorText.tsx";
import { formatTime } from "../format.ts";
import { useOperator } from "../session.ts";
import { Chart, type Line } from "./Chart.tsx";

const line = (name: string, of: Line["of"]): Line => ({ name, of });

const CHARTS: readonly { title: string; unit?: string; lines: readonly Line[] }[] = [
  { title: "Connections", lines: [line("Sessions", (point) => point.connections)] },
  { title: "Publishes", unit: "/s", lines: [line("Publishes", (point) => point.publishes)] },
  {
    title: "Publish time over HTTP",
    unit: "ms",
    lines: [line("p50", (point) => point.p50), line("p99", (point) => point.p99)],
  },
  { title: "Messages sent", unit: "/s", lines: [line("Messages", (point) => point.sent)] },
  {
    title: "Refusals and gaps",
    unit: "/s",
    lines: [line("Refusals and gaps", (point) => point.errors)],
  },
  { title: "Webhook backlog", lines: [line("Waiting", (point) => point.backlog)] },
];

export function Charts() {
  const { metrics } = useOperator().session;
  const { points, error } = useSyncExternalStore(metrics.subscribe, metrics.getSnapshot);
  const [first] = points;
  return (
    <section aria-labelledby="charts">
      <div className="section-head">
        <h2 id="charts">Last hour</h2>
        <p>
          {first && `Since ${formatTime(first.at)}, when you signed in. `}
          For a longer history, let Prometheus read <code>/metrics</code>.
        </p>
      </div>
      {error && <ErrorText error={error}>The metrics can't be read. </ErrorText>}
      <div className="charts">
        {CHARTS.map((chart) => (
          <Chart key={chart.title} points={points} {...chart} />
        ))}
      </div>
    </section>
  );
}
