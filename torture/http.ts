/** Sends requests to a room. The functions reject only if no response arrives. */
import { type Room, tokenOf } from "../tests/edge/room.ts";

export interface Answer {
  status: number;
  epoch?: string;
  seqs?: number[];
  error?: { code: string; message: string };
}

const headers = { authorization: `Bearer ${tokenOf("writer", ["publish", "admin"])}` };

/** Time limit of a request. The limit is high, because the machine may be busy with other work. */
const TIMEOUT_MS = 60_000;

export async function post({ url }: Room, events: object[]): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const body = JSON.stringify({ events });
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body, signal });
  return { status: answer.status, ...((await answer.json()) as object) };
}

/** Erases the room, and returns the status of the response. */
export async function erase({ url }: Room): Promise<number> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return (await fetch(url, { method: "DELETE", headers, signal })).status;
}
