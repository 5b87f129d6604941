import { useDeferredValue, useEffect, useMemo, useState } from "react";
import type { RoomcastError } from "roomcast";
import { asError } from "../api.ts";
import { Charts } from "../charts/Charts.tsx";
import { ErrorText } from "../ErrorText.tsx";
import { counted, formatCount } from "../format.ts";
import { usePoll } from "../poll.ts";
import { useOperator } from "../session.ts";
import { readList, select, type List, type View } from "./list.ts";
import { RoomsTable } from "./RoomsTable.tsx";

/** Time until the list is read again, for each of its pages of 1,000 rooms. */
const REFRESH_MS = 5_000;
/** Number of rows that are shown at first, and that each click adds. */
const SHOWN = 200;

interface Props {
  readonly view: View;
  readonly onView: (view: View) => void;
}

export function RoomsPage({ view, onView }: Props) {
  const { api } = useOperator().session;
  const [list, setList] = useState<List>();
  const [error, setError] = useState<RoomcastError>();
  const [isPaused, setPaused] = useState(false);
  const [shown, setShown] = useState(SHOWN);
  const prefix = useDelayed(view.prefix.trim());

  usePoll(
    async (signal) => {
      try {
        const read = await readList(api, prefix, list, signal);
        if (signal.aborted) return REFRESH_MS;
        setList(read);
        setError(undefined);
        return REFRESH_MS * read.pages;
      } catch (error) {
        if (!signal.aborted) setError(asError(error));
        return REFRESH_MS;
      }
    },
    isPaused,
    prefix,
  );

  const search = useDeferredValue(view.search);
  const rows = useMemo(() => select(list?.rows ?? [], { ...view, search }), [list, view, search]);
  return (
    <>
      <h1 className="visually-hidden">Overview</h1>
      <Charts />
      <section aria-labelledby="rooms">
        <div className="section-head">
          <h2 id="rooms">Rooms</h2>
          <p>{list && summary(list, rows.length)}</p>
          <div className="tools">
            <label>
              <span>Name contains</span>
              <input
                type="search"
                value={view.search}
                onChange={({ target }) => onView({ ...view, search: target.value })}
              />
            </label>
            <label>
              <span>Name starts with</span>
              <input
                type="search"
                value={view.prefix}
                onChange={({ target }) => onView({ ...view, prefix: target.value })}
              />
            </label>
            <button
              type="button"
              className="secondary"
              aria-pressed={isPaused}
              onClick={() => setPaused(!isPaused)}
            >
              {isPaused ? "Continue" : "Pause"}
            </button>
          </div>
        </div>
        {error && <ErrorText error={error}>The list can't be read. </ErrorText>}
        <div className="panel">
          <RoomsTable rows={rows.slice(0, shown)} view={view} onView={onView} />
          {list && rows.length === 0 && (
            <p className="empty">
              {list.rows.length === 0
                ? "No room has sessions or was active in the last hour."
                : "No room has such a name."}
            </p>
          )}
          {!list && !error && <p className="empty">Reading the rooms…</p>}
          {rows.length > shown && (
            <p className="more">
              The first {formatCount(shown)} of {formatCount(rows.length)} rooms.
              <button
                type="button"
                className="secondary"
                onClick={() => setShown((count) => count + SHOWN)}
              >
                Show {SHOWN} more
              </button>
            </p>
          )}
        </div>
      </section>
    </>
  );
}

function summary({ rows, hasMore }: List, found: number): string {
  const sessions = rows.reduce((sum, row) => sum + row.sessions, 0);
  const total = hasMore
    ? `the first ${formatCount(rows.length)} rooms by name: find others by the start of their name`
    : counted(rows.length, "room");
  const of = found === rows.length ? "" : `${formatCount(found)} of `;
  return `${of}${total}, ${counted(sessions, "session")}`;
}

/** Returns a text once it has not changed for a moment, so that not every key sends a request. */
function useDelayed(text: string): string {
  const [delayed, setDelayed] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return delayed;
}
