/** A queue of frames for a room. */
export interface Sender {
  /** Yields the frames to send now. Each counts as sent when the next one is requested. */
  drain(now: number): Iterable<string>;
  /** When it has more to send, if the rate limit allows: `Infinity` for never. */
  readonly dueAt: number;
}
