/** A queue of frames for a room. */
export interface Sender {
  /** Yields the frames to send now. Each counts as sent when the next one is requested. */
  drain(now: number): Iterable<string>;
  /** Time when it has more to send, if the rate limit allows. `Infinity` if it has nothing. */
  readonly dueAt: number;
}
