import type { StatsAnswer } from "roomcast/protocol";
import { formatBytes, formatCount, formatDateTime, formatDuration } from "../format.ts";
import { useNow } from "../useNow.ts";

export function Stats({ stats }: { stats: StatsAnswer | undefined }) {
  const now = useNow(5_000);
  const figures: readonly (readonly [
    term: string,
    value?: string | undefined,
    hint?: string | undefined,
  ])[] = [
    ["Sessions", stats && formatCount(stats.sessions)],
    ["Members", stats && formatCount(stats.members)],
    ["Head", stats && formatCount(stats.head), "Seq of the newest event"],
    ["Oldest", stats && formatCount(stats.oldest), "Seq of the oldest retained event"],
    ["Stored", stats && formatBytes(stats.bytes)],
    ["Rows written", stats && formatCount(stats.rows_written), "Since the room is awake"],
    ["Awake for", stats && formatDuration(now - stats.awake_since), at(stats)],
    ["Epoch", stats?.epoch],
  ];
  return (
    <dl className="stats panel" aria-label="Figures of the room">
      {figures.map(([term, value, hint]) => (
        <div key={term} title={hint}>
          <dt>{term}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

const at = (stats: StatsAnswer | undefined): string | undefined =>
  stats && formatDateTime(stats.awake_since);
