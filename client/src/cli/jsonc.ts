/** Parses JSON with comments, and inserts values without changing the rest of the text. */

type Node = Container | Scalar;

interface Scalar {
  readonly kind: "scalar";
  readonly value: unknown;
  /** Offset behind the value. */
  readonly end: number;
}

interface Container {
  readonly kind: "object" | "array";
  readonly entries: readonly Entry[];
  readonly hasTrailingComma: boolean;
  readonly start: number;
  readonly end: number;
}

/** A member of an object, or an element of an array, which has an empty key. */
interface Entry {
  readonly key: string;
  readonly node: Node;
  /** Offset of the key or of the element. */
  readonly at: number;
}

/** A new member of an object, or a new element of an array. */
export interface Insertion {
  /** Keys that lead from the root to the object or array. */
  readonly path: readonly string[];
  /** Key of the member. An element of an array has no key. */
  readonly key?: string;
  readonly value: unknown;
}

/** Returns the value of the text. Throws a `SyntaxError` that names the line. */
export const parseJsonc = (text: string): unknown => valueOf(new Parser(text).parse());

/** Inserts a value behind the last entry of an object or array, which must exist. */
export function insert(text: string, { path, key, value }: Insertion): string {
  const { start, end, entries, hasTrailingComma } = find(new Parser(text).parse(), path);
  const name = key === undefined ? "" : `${JSON.stringify(key)}: `;
  const close = end - 1;
  // A comment may stand between the last entry and the closing bracket.
  const contentEnd = text.slice(0, close).trimEnd().length;
  const entriesEnd = entries.at(-1)?.node.end ?? contentEnd;
  const separator = entries.length > 0 && !hasTrailingComma ? "," : "";
  const before = text.slice(0, entriesEnd) + separator + text.slice(entriesEnd, contentEnd);

  const isOneLine = !text.slice(start, end).includes("\n");
  if (isOneLine && entries.length > 0) {
    return `${before} ${name}${JSON.stringify(value)}${text.slice(contentEnd)}`;
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const unit = /\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  const outer = newline + /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", start) + 1))![0];
  const inner = outer + unit;
  const lines = JSON.stringify(value, null, unit).replaceAll("\n", inner);
  const after = isOneLine ? outer + text.slice(close) : text.slice(contentEnd);
  return `${before}${inner}${name}${lines}${hasTrailingComma ? "," : ""}${after}`;
}

/** Returns the line of a value, or of the nearest value around it that exists. */
export function lineInJsonc(text: string, path: readonly string[]): number {
  let node = new Parser(text).parse();
  let at = 0;
  for (const step of path) {
    const entry = node.kind === "object" ? lastEntry(node, step) : undefined;
    if (entry === undefined) break;
    ({ node, at } = entry);
  }
  return lineOf(text, at);
}

const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

function find(root: Node, path: readonly string[]): Container {
  let node: Node | undefined = root;
  for (const step of path) {
    node = node?.kind === "object" ? lastEntry(node, step)?.node : undefined;
  }
  if (node === undefined || node.kind === "scalar") {
    throw new TypeError(`${path.join(".")} is not an object or an array`);
  }
  return node;
}

/** Returns the member that counts if a key is used twice. */
const lastEntry = ({ entries }: Container, key: string) =>
  entries.findLast((entry) => entry.key === key);

function valueOf(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "array") return node.entries.map((entry) => valueOf(entry.node));
  return Object.fromEntries(node.entries.map(({ key, node }) => [key, valueOf(node)]));
}

const SPACE = /(?:[\s\uFEFF]|\/\/[^\n]*|\/\*[^]*?\*\/)*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const SCALAR = /"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Node {
    const node = this.#node();
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#error("the end of the file");
    return node;
  }

  #node(): Node {
    this.#match(SPACE);
    if (this.#text[this.#at] === "{") return this.#container("object", "}");
    if (this.#text[this.#at] === "[") return this.#container("array", "]");
    const value = this.#scalar(SCALAR, "a value");
    return { kind: "scalar", value, end: this.#at };
  }

  #container(kind: Container["kind"], bracket: "}" | "]"): Container {
    const start = this.#at;
    const entries: Entry[] = [];
    let hasTrailingComma = false;
    this.#at += 1;
    while (!this.#skips(bracket)) {
      if (entries.length > 0 && !hasTrailingComma) throw this.#error(`, or ${bracket}`);
      const at = this.#at;
      const key = kind === "object" ? this.#key() : "";
      entries.push({ key, node: this.#node(), at });
      hasTrailingComma = this.#skips(",");
    }
    return { kind, entries, hasTrailingComma, start, end: this.#at };
  }

  #key(): string {
    const key = this.#scalar(STRING, "a key in double quotes") as string;
    if (!this.#skips(":")) throw this.#error(":");
    return key;
  }

  #scalar(pattern: RegExp, expected: string): unknown {
    const at = this.#at;
    try {
      return JSON.parse(this.#match(pattern));
    } catch {
      this.#at = at;
      throw this.#error(expected);
    }
  }

  /** Skips spaces and comments, and then the character if it follows. */
  #skips(character: string): boolean {
    this.#match(SPACE);
    const follows = this.#text[this.#at] === character;
    if (follows) this.#at += 1;
    return follows;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [match = ""] = pattern.exec(this.#text) ?? [];
    this.#at += match.length;
    return match;
  }

  #error(expected: string): SyntaxError {
    return new SyntaxError(`line ${lineOf(this.#text, this.#at)}: expected ${expected}`);
  }
}
