import { RoomcastError } from "../codes.ts";

const MAX_CHARACTERS = 200;

/** Throws `bad_request` for a name that the server would reject (docs/protocol.md, section 1). */
export function checkRoomName(name: string): void {
  const fault = findFault(name);
  if (fault === undefined) return;
  throw new RoomcastError(
    "bad_request",
    `The room name ${JSON.stringify(name)} ${fault}. Use 1 to ${MAX_CHARACTERS} characters of ` +
      "A-Z a-z 0-9 _ - = @ , . ; in segments between ':'.",
  );
}

function findFault(name: string): string | undefined {
  if (typeof name !== "string") return "is not a string";
  const [character] = /[^\w=@,.;:-]/u.exec(name) ?? [];
  if (character !== undefined) return `contains ${JSON.stringify(character)}`;
  if (name.length > MAX_CHARACTERS) return `has ${name.length} characters`;
  if (/^\.\.?$/.test(name)) return "would be removed from a URL";
  return /^(:|$)|::|:$/.test(name) ? "has an empty segment" : undefined;
}
