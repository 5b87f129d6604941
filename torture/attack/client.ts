/** Helpers for sockets of clients with a token. */
import type { Grant } from "../../tests/edge/jwt.ts";
import { tokenOf } from "../../tests/edge/room.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";
import { runConcurrently } from "../run-concurrently.ts";
import { RawSocket } from "./raw-socket.ts";

export const eventsOf = (room: string, query = ""): string => `/rooms/${room}/events${query}`;

export const authorized = (user: string, can: Grant[]): { authorization: string } => ({
  authorization: `Bearer ${tokenOf(user, can)}`,
});

/**
 * Calls `open` with each number from 0 to `times` - 1, and returns the sockets. At most 20 calls
 * run at the same time.
 */
export async function openAll(
  times: number,
  open: (i: number) => Promise<RawSocket>,
): Promise<RawSocket[]> {
  const sockets: RawSocket[] = [];
  await runConcurrently(times, 20, async (i) => sockets.push(await open(i)));
  return sockets;
}

/** Opens a socket to a room, and waits for its `welcome`. */
export async function join(
  { url }: Runtime,
  path: string,
  headers: Record<string, string>,
): Promise<RawSocket> {
  const socket = await RawSocket.open(url, path, headers);
  await socket.until("welcome");
  return socket;
}

export const end = (sockets: RawSocket[]): void => sockets.forEach((socket) => socket.end());
