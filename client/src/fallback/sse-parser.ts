/** An event of a Server-Sent Events stream (the HTML standard, 9.2.6). */
export interface SseEvent {
  readonly event: string | undefined;
  readonly id: string | undefined;
  /** `undefined` for an event without data. */
  readonly data: string | undefined;
}

/** Parses events from chunks that may be split anywhere. */
export class SseParser {
  readonly #decoder = new TextDecoder();
  /** The start of a line whose end was not received yet. */
  #line = "";
  /**
   * `true` if the last chunk ended with a carriage return. A line feed that follows belongs to the
   * same line end.
   */
  #afterReturn = false;
  #fields: Record<string, string> = {};

  *parse(bytes: Uint8Array): Generator<SseEvent> {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    if (this.#afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.#afterReturn = text.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop()!;
    for (const line of lines) {
      if (line !== "") this.#parseLine(line);
      else if (Object.keys(this.#fields).length > 0) {
        const { event, id, data } = this.#fields;
        this.#fields = {};
        yield { event, id, data };
      }
    }
  }

  /** Parses a line and skips comments, which are fields without a name. */
  #parseLine(line: string): void {
    const [, name, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (name === "") return;
    const before = this.#fields[name!];
    this.#fields[name!] = name === "data" && before !== undefined ? `${before}\n${value}` : value;
  }
}
