import { usePresence, useStatus } from "roomcast/react";
import { useChatRoom } from "./room";

/** Shows the connection and the users who are here. While it is mounted, this user is here too. */
export function Header({ signOut }: { signOut(): void }) {
  const { status, error } = useStatus(useChatRoom());
  const users = usePresence(useChatRoom())?.map(({ user }) => user) ?? [];
  return (
    <header>
      <h1>Lobby</h1>
      <p role="status" className={status} title={error?.message}>
        {status}
      </p>
      <button onClick={signOut}>Sign out</button>
      <p className="line" title={users.join("\n")}>
        {users.length} here: {users.join(", ")}
      </p>
    </header>
  );
}
