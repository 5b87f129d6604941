/**
 * Display names, initials and colors of visitors. The id `ada-moreno-3f2a` is shown as Ada Moreno.
 */

export const nameOf = (user: string): string =>
  wordsOf(user)
    .map((word) => initialOf(word) + word.slice(1))
    .join(" ");

export const initialsOf = (user: string): string => wordsOf(user).map(initialOf).join("");

/** Returns a hue in degrees, the same in every window. Similar ids get different hues (FNV-1a). */
export function hueOf(user: string): number {
  let hash = 0x811c9dc5;
  for (const character of user) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0) % 360;
}

const wordsOf = (user: string): string[] => user.split("-").slice(0, 2);
const initialOf = (word: string): string => word.charAt(0).toUpperCase();
