/**
 * Forwards the frames of rooms to a client. While the client reads its frames, they don't enter the
 * WebAssembly, because the call would cost as much as the rest of the forwarding.
 */
export class Relay {
  /** Whether the rooms are paused. Then the WebAssembly decides about each frame. */
  isPaused = false;
  #client;
  #windowBytes;
  #dropped;

  /**
   * If the client has more than `windowBytes` unread, the WebAssembly decides about the frame.
   * Frames with the text `dropped` are dropped.
   */
  constructor(client, windowBytes, dropped) {
    this.#client = client;
    this.#windowBytes = windowBytes;
    this.#dropped = dropped;
  }

  /** Returns the listener of a room's socket. `onMessage` is the listener in the WebAssembly. */
  listener(onMessage) {
    return (event) => {
      const { data } = event;
      if (data === this.#dropped) return;
      if (this.isPaused || this.#client.bufferedAmount > this.#windowBytes) return onMessage(event);
      try {
        this.#client.send(data);
      } catch {
        // The client's socket is closed. An event reports this.
      }
    };
  }
}
