import { memo } from "react";
import { formatAgo, formatCount, formatNumber } from "../format.ts";
import { roomHref } from "../route.ts";
import { useNow } from "../useNow.ts";
import type { Column, RoomRow, View } from "./list.ts";

const COLUMNS: readonly { column: Column; title: string }[] = [
  { column: "room", title: "Room" },
  { column: "sessions", title: "Sessions" },
  { column: "members", title: "Members" },
  { column: "head", title: "Head" },
  { column: "rate", title: "Events/s" },
  { column: "reported_at", title: "Last report" },
];

interface Props {
  readonly rows: readonly RoomRow[];
  readonly view: View;
  readonly onView: (view: View) => void;
}

export function RoomsTable({ rows, view, onView }: Props) {
  const now = useNow(5_000);
  const sort = (column: Column): void =>
    onView({
      ...view,
      column,
      // Names start with the first letter, and numbers with the largest.
      isDescending: column === view.column ? !view.isDescending : column !== "room",
    });
  return (
    <table className="rooms" aria-labelledby="rooms">
      <thead>
        <tr>
          {COLUMNS.map(({ column, title }) => (
            <th key={column} scope="col" className={column} aria-sort={sortOf(column, view)}>
              <button type="button" onClick={() => sort(column)}>
                {title}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.room} {...row} report={formatAgo(row.reported_at, now)} />
        ))}
      </tbody>
    </table>
  );
}

function sortOf(column: Column, view: View): "ascending" | "descending" | undefined {
  if (column !== view.column) return undefined;
  return view.isDescending ? "descending" : "ascending";
}

/** A row, which renders again only if a cell changes. */
const Row = memo(function Row(row: RoomRow & { report: string }) {
  return (
    <tr>
      <th scope="row" className="room">
        <a href={roomHref(row.room)} title={row.room}>
          {row.room}
        </a>
      </th>
      <td className="sessions">{formatCount(row.sessions)}</td>
      <td className="members">{formatCount(row.members)}</td>
      <td className="head">{formatCount(row.head)}</td>
      <td className="rate">{row.rate === undefined ? "–" : formatNumber(row.rate)}</td>
      <td className="reported_at">{row.report}</td>
    </tr>
  );
});
