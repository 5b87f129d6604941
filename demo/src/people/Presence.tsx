import { usePresence } from "roomcast/react";
import { nameOf } from "../../shared/names.ts";
import { useChatRoom } from "../chatRoom.ts";
import { useUser } from "../user.ts";
import { Avatar } from "./Avatar.tsx";

const MAX_AVATARS = 5;

/** Shows the users who are online. A user with several windows is shown once. */
export function Presence() {
  const room = useChatRoom();
  const members = usePresence(room) ?? [];
  const user = useUser();
  // This visitor is listed first, so that their own avatar does not move when others enter or
  // leave.
  const users = members.map((member) => member.user).sort((a, b) => +(b === user) - +(a === user));

  const shown = users.slice(0, MAX_AVATARS);
  const hiddenCount = users.length - shown.length;
  const slots = shown.length + Math.sign(hiddenCount);

  return (
    <div className="presence">
      <ul aria-label="Users online">
        {shown.map((one, n) => (
          <li
            key={one}
            title={one === user ? `${nameOf(one)} (you)` : nameOf(one)}
            style={{ "--offset": slots - 1 - n }}
          >
            <Avatar user={one} />
          </li>
        ))}
        {hiddenCount > 0 && <li className="more">+{hiddenCount}</li>}
      </ul>
      <p>{users.length > 0 && `${users.length} online`}</p>
    </div>
  );
}
