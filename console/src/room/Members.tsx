import { useState } from "react";
import type { Member } from "roomcast/protocol";
import { counted, formatAgo, formatCount } from "../format.ts";
import { useNow } from "../useNow.ts";
import { CloseUser } from "./CloseUser.tsx";

/** Number of members that are shown at first. */
const SHOWN = 50;

interface Props {
  readonly room: string;
  readonly members: readonly Member[] | undefined;
  readonly sessions: number | undefined;
}

export function Members({ room, members = [], sessions }: Props) {
  const now = useNow(5_000);
  const [showsAll, setShowsAll] = useState(false);
  const [closing, setClosing] = useState<string>();
  const entered = members.reduce((sum, member) => sum + member.sessions.length, 0);
  const shown = showsAll ? members : members.slice(0, SHOWN);
  return (
    <section className="panel" aria-labelledby="members">
      <div className="section-head">
        <h2 id="members">Sessions and members</h2>
        <p>
          {sessions !== undefined &&
            `${counted(sessions, "session")}, of which ${formatCount(entered)} have entered`}
        </p>
      </div>
      {members.length === 0 ? (
        <p className="empty">No session has entered the room as a member.</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="Members">
          <table>
            <thead>
              <tr>
                <th scope="col">Member</th>
                <th scope="col" className="number">
                  Sessions
                </th>
                <th scope="col">Entered</th>
                <th scope="col">
                  <span className="visually-hidden">Action</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ user, sessions }) => (
                <tr key={user}>
                  <th scope="row" title={JSON.stringify(sessions[0]?.data)}>
                    {user}
                  </th>
                  <td className="number">{formatCount(sessions.length)}</td>
                  <td>{formatAgo(Math.min(...sessions.map(({ since }) => since)), now)}</td>
                  <td className="number">
                    <button
                      type="button"
                      className="secondary"
                      aria-label={`Close ${user}…`}
                      onClick={() => setClosing(user)}
                    >
                      Close…
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {members.length > shown.length && (
        <p className="more">
          <button type="button" className="secondary" onClick={() => setShowsAll(true)}>
            Show all {formatCount(members.length)}
          </button>
        </p>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          setClosing(String(new FormData(event.currentTarget).get("user")));
        }}
      >
        <label>
          <span>Another user</span>
          <input name="user" required autoComplete="off" spellCheck={false} />
        </label>
        <button type="submit" className="secondary">
          Close user…
        </button>
      </form>
      {closing !== undefined && (
        <CloseUser room={room} user={closing} onDone={() => setClosing(undefined)} />
      )}
    </section>
  );
}
