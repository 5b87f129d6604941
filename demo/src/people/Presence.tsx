import { usePresence } from "roomcast/react";
import { nameOf } from "../../shared/names.ts";
import { useChatRoom } from "../chatRoom.ts";
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

  const shown = users.slice(0, SHOWN);
  const more = users.length - shown.length;
  const places = shown.length + Math.sign(more);

  return (
    <div className="presence">
      <ul aria-label="Looking at the board">
        {shown.map((one, n) => (
          <li
            key={one}
            title={one === user ? `${nameOf(one)} (you)` : nameOf(one)}
            style={{ "--place": places - 1 - n }}
          >
            <Avatar user={one} />
          </li>
        ))}
        {more > 0 && <li className="more">+{more}</li>}
      </ul>
      <p>{users.length > 0 && `${users.length} looking`}</p>
    </div>
  );
}
