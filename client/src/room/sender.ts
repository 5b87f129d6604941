/** A queue of frames for a room. */
export interface Sender {
  /** Yields the frames to send now. A frame counts as sent when the next frame is requested. */
  drain(now: number): Iterable<string>;
  /**
   * Time when the next frame is due, without regard to the rate limit. `Infinity` if there is no
   * frame to send.
   */
  readonly dueAt: number;
}
