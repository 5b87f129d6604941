/** The room's limits that the client checks before it sends. */
import { RoomcastError } from "./codes.ts";

export const MAX_FRAME_BYTES = 1024 * 1024;
export const MAX_SIGNAL_BYTES = 16 * 1024;
export const MAX_PRESENCE_BYTES = 2 * 1024;

/**
 * Window in ms. If signals or presence data change faster, the room sends only the newest change of
 * each window.
 */
export const WINDOW_MS = 50;

/** Returns the size of the text in UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Throws `too_large` if the text has more than `max` bytes, which is the room's limit. */
export function checkBytes(text: string, max: number): void {
  const bytes = bytesOf(text);
  if (bytes > max)
    throw new RoomcastError("too_large", `${bytes} bytes exceed the limit of ${max}.`);
}
