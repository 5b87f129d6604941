/** Body of a streaming response. The reader pulls one chunk at a time. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // Otherwise, nginx buffers the stream and delays its events.
  "x-accel-buffering": "no",
};

export class Body {
  #controller;

  /**
   * Calls `onReader` with true each time the reader has read everything and requests a chunk, and
   * with false if the reader has disconnected.
   *
   * An `IdentityTransformStream` costs the same, but would report a disconnect only at the next
   * write. A `ReadableStream` of the `worker` crate costs further promises for each chunk.
   */
  constructor(onReader) {
    const source = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => report(onReader, true),
      cancel: () => report(onReader, false),
    };
    this.response = new Response(new ReadableStream(source, { highWaterMark: 0 }), {
      headers: HEADERS,
    });
  }

  /** Answers a request for a chunk with a copy of the bytes, a view of the WebAssembly's memory. */
  write(bytes) {
    this.#controller.enqueue(bytes.slice());
  }

  /** Ends the stream after the last chunk. */
  end() {
    this.#controller.close();
  }
}

function report(onReader, requestsChunk) {
  try {
    onReader(requestsChunk);
  } catch (error) {
    // The entry listens to `error` events, to start the WebAssembly again after a trap. The stream
    // would turn the exception into an error of the stream.
    reportError(error);
    throw error;
  }
}
