import { hueOf, initialsOf, nameOf } from "../../shared/names.ts";

export const Avatar = ({ user }: { user: string }) => (
  <span className="avatar" role="img" aria-label={nameOf(user)} style={{ "--hue": hueOf(user) }}>
    {initialsOf(user)}
  </span>
);
