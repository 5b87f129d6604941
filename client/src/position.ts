import type { Events, Position, RoomEvent } from "./protocol.ts";

/** How far a room was followed: everything up to `seq` was delivered, nothing after it. */
export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

export const formatPosition = ({ epoch, seq }: Place): Position => `${epoch}:${seq}`;

/** `undefined` for anything else: a position may come from storage that others write to. */
export function parsePosition(text: string | null | undefined): Place | undefined {
  // 15 digits are below 2^53, and more events than any room will see.
  const [, epoch, seq] = /^([A-Za-z0-9]{8}):(\d{1,15})$/.exec(text ?? "") ?? [];
  return epoch ? { epoch, seq: Number(seq) } : undefined;
}

/**
 * The contract's rule for applying events: what of a frame is new at this place.
 * `"missed"` means that the frame starts beyond it, so something in between never came.
 */
export function newEvents(place: Place, frame: Events): readonly RoomEvent[] | "missed" {
  if (frame.epoch !== place.epoch || frame.prev > place.seq) return "missed";
  if (frame.prev === place.seq) return frame.events;
  return frame.events.filter((event) => event.seq > place.seq);
}
