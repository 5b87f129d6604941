/** One publish over HTTP, whatever comes of it. */
import type { Room } from "../tests/edge/room.ts";
import { tokenOf } from "../tests/edge/room.ts";

export interface Answer {
  status: number;
  epoch?: string;
  seqs?: number[];
  error?: { code: string; message: string };
}

const token = tokenOf("writer", ["publish"]);

/** Rejects where there was no answer. */
export async function post({ url }: Room, events: object[]): Promise<Answer> {
  const answer = await fetch(`${url}/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ events }),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: answer.status, ...((await answer.json()) as object) };
}
