/** Requests of a room, whatever comes of them. Each rejects where nothing was answered. */
import { type Room, tokenOf } from "../tests/edge/room.ts";

export interface Answer {
  status: number;
  epoch?: string;
  seqs?: number[];
  error?: { code: string; message: string };
}

const headers = { authorization: `Bearer ${tokenOf("writer", ["publish", "admin"])}` };

/** A machine may have much else to do. */
const PATIENCE_MS = 60_000;

export async function post({ url }: Room, events: object[]): Promise<Answer> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const body = JSON.stringify({ events });
  const answer = await fetch(`${url}/events`, { method: "POST", headers, body, signal });
  return { status: answer.status, ...((await answer.json()) as object) };
}

/** The status. */
export async function erase({ url }: Room): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return (await fetch(url, { method: "DELETE", headers, signal })).status;
}
