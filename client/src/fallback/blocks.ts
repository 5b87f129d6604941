/** A block of a stream of Server-Sent Events (the HTML standard, 9.2.6). */
export interface Block {
  readonly event: string | undefined;
  readonly id: string | undefined;
  /** `undefined` for a block without data. */
  readonly data: string | undefined;
}

/** Reads blocks from text that is cut anywhere. */
export class Blocks {
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has yet to come. */
  #line = "";
  /** The last line ended with a carriage return: a line feed next belongs to it. */
  #afterReturn = false;
  #fields: Record<string, string> = {};

  *read(bytes: Uint8Array): Generator<Block> {
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

  /** A comment is a field without a name. */
  #parseLine(line: string): void {
    const [, name, value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (name === "") return;
    const before = this.#fields[name!];
    this.#fields[name!] = name === "data" && before !== undefined ? `${before}\n${value}` : value;
  }
}
