import { formatDuration } from "./format.ts";
import { LIST_HREF } from "./route.ts";
import type { Session } from "./session.ts";
import { useNow } from "./useNow.ts";

export function Header({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const now = useNow(10_000);
  const { user, expiresAt, api } = session;
  return (
    <header>
      <a className="brand" href={LIST_HREF}>
        Roomcast <span>console</span>
      </a>
      <p className="who">
        <span className="host">{api.url.replace(/^https?:\/\//, "")}</span>
        {user !== undefined && <span>{user}</span>}
        {expiresAt !== undefined && <span>token ends in {formatDuration(expiresAt - now)}</span>}
      </p>
      <button type="button" className="secondary" onClick={onSignOut}>
        Sign out
      </button>
    </header>
  );
}
