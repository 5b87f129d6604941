/** `roomcast export` and `roomcast import`: move a room to another deployment. */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { checkRoomName } from "../room/name.ts";
import { Failure, UsageError } from "./failure.ts";
import { signToken } from "./sign.ts";

const OPTIONS = `  --url <url>              the URL of the worker
  --secret-file <file>     a file with JWT_SECRET, such as .prod.vars

JWT_SECRET comes from the environment, or else from .dev.vars. If your tokens come from an identity
provider, put a token that grants admin in the room into ROOMCAST_TOKEN.`;

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 500;

/** First line of a page of an export. */
const HEADER = /^\{"roomcast":/;
/** Last line of an export. */
const END = /^\{"end":/;

interface Target {
  readonly room: string;
  /** URL of the room. */
  readonly url: string;
  readonly token: string;
}

export const exportCommand = {
  usage: `npx roomcast export <room> --url <url> [--secret-file <file>] > room.ndjson

Prints a room's events and state as lines of JSON, for npx roomcast import.

${OPTIONS}`,

  async run(args: string[]): Promise<number> {
    const target = await targetOf(args);
    for (let after: string | undefined; ;) {
      const query = after === undefined ? "" : `?${new URLSearchParams({ after })}`;
      const page = await send(target, `export${query}`);
      await new Promise<void>((written) => process.stdout.write(page, () => written()));
      const { next } = JSON.parse(page.trimEnd().split("\n").at(-1)!);
      if (next === undefined) return 0;
      after = next;
    }
  },
};

export const importCommand = {
  usage: `npx roomcast import <room> --url <url> [--secret-file <file>] < room.ndjson

Stores an export in an empty room, with the same seqs, so that clients can resume. After an
interruption, run the command again: it continues the room.

${OPTIONS}`,

  async run(args: string[]): Promise<number> {
    const target = await targetOf(args);
    let page: string[] = [];
    let [firstLine, line, last] = [1, 0, ""];
    const sendPage = async (): Promise<string> => {
      try {
        return await send(target, "import", page.join("\n"));
      } catch (error) {
        throw error instanceof Failure ? new Failure(inFile(error.message, firstLine)) : error;
      }
    };
    for await (const text of createInterface({ input: process.stdin })) {
      line += 1;
      if (HEADER.test(text) && page.length > 0) {
        await sendPage();
        [page, firstLine] = [[], line];
      }
      page.push(text);
      if (text !== "") last = text;
    }
    if (last === "")
      throw new Failure("the export is empty: npx roomcast import ROOM < room.ndjson");
    const { epoch, head } = JSON.parse(await sendPage());
    if (!END.test(last)) {
      throw new Failure(`the export ends early: the room has the events up to seq ${head} now`);
    }
    console.log(`${target.room} has the epoch ${epoch} and the seq ${head}.`);
    return 0;
  },
};

async function targetOf(args: string[]): Promise<Target> {
  const { values, positionals } = parseArgs({
    args,
    options: { url: { type: "string" }, "secret-file": { type: "string" } },
    allowPositionals: true,
  });
  const [room, ...others] = positionals;
  if (room === undefined || others.length > 0)
    throw new UsageError("expected the name of one room");
  if (values.url === undefined) {
    throw new UsageError("--url is missing: --url https://rt.example.com");
  }
  if (!/^https?:\/\/[^?#]+$/.test(values.url)) {
    throw new UsageError(`--url ${values.url}: expected a URL such as https://rt.example.com`);
  }
  checkName(room);
  const rooms = { [room]: ["admin"] } as const;
  const rights = { user: "roomcast-cli", rooms, expiresInSeconds: 3_600 };
  const token = process.env.ROOMCAST_TOKEN ?? (await signToken(rights, values["secret-file"]));
  const url = `${values.url.replace(/\/$/, "")}/rooms/${encodeURIComponent(room)}`;
  return { room, url, token };
}

function checkName(room: string): void {
  try {
    checkRoomName(room);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/**
 * Sends a request, and resolves with the text of the answer. Sends it again if the worker can't be
 * reached, is updated or limits the rate. The room skips lines that it already has.
 */
async function send({ url, token }: Target, path: string, body?: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const init = body === undefined ? { headers } : { method: "POST", headers, body };
  for (let attempt = 1, pauseMs = FIRST_PAUSE_MS; ; attempt++, pauseMs *= 2) {
    let message: string;
    try {
      const answer = await fetch(`${url}/${path}`, init);
      const text = await answer.text();
      if (answer.ok) return text;
      message = messageIn(text) ?? `the worker answered ${answer.status}`;
      const mayRetry = answer.status === 429 || answer.status >= 500;
      if (!mayRetry || attempt === ATTEMPTS) throw new Failure(message);
      const retryAfter = Number(answer.headers.get("retry-after") ?? 0);
      pauseMs = Math.max(pauseMs, retryAfter * 1_000);
    } catch (error) {
      if (error instanceof Failure) throw error;
      message = `${url} can't be reached: ${(error as Error).message}`;
      if (attempt === ATTEMPTS) throw new Failure(message);
    }
    await sleep(pauseMs);
  }
}

function messageIn(text: string): string | undefined {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return undefined;
  }
}

/** Replaces the number of a line in a page by its number in the file. */
const inFile = (message: string, firstLine: number): string =>
  message.replace(/^line (\d+): /, (_, line) => `line ${firstLine + Number(line) - 1}: `);
