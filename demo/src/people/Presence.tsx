import { usePresence } from "roomcast/react";
import { nameOf } from "../../shared/names.ts";
import { useChatRoom } from "../chat/room.ts";
import { useUser } from "../user.ts";
import { Avatar } from "./Avatar.tsx";

const SHOWN = 5;

/** Who is looking at the board. However many windows somebody has, they are one. */
export function Presence() {
  const room = useChatRoom();
  const members = usePresence(room) ?? [];
  const user = useUser();
  // Oneself first, so that the others come and go beside it.
  const users = members.map((member) => member.user).sort((a, b) => +(b === user) - +(a === user));

  return (
    <div className="presence">
      <ul aria-label="Looking at the board">
        {users.slice(0, SHOWN).map((one) => (
          <li key={one} title={one === user ? `${nameOf(one)} (you)` : nameOf(one)}>
            <Avatar user={one} />
          </li>
        ))}
        {users.length > SHOWN && <li className="more">+{users.length - SHOWN}</li>}
      </ul>
      <p>{users.length > 0 && `${users.length} looking`}</p>
    </div>
  );
}
