/** Sockets of clients with a token, and what attacks do with several of them. */
import type { Grant } from "../../tests/edge/jwt.ts";
import { tokenOf } from "../../tests/edge/room.ts";
import type { Runtime } from "../../tests/edge/runtime.ts";
import { runConcurrently } from "../run-concurrently.ts";
import { RawSocket } from "./raw-socket.ts";

export const eventsOf = (room: string, query = ""): string => `/rooms/${room}/events${query}`;

export const authorized = (user: string, can: Grant[]): { authorization: string } => ({
  authorization: `Bearer ${tokenOf(user, can)}`,
});

/** Opens so many sockets, a few at a time. `open` is given the number of each. */
export async function openAll(
  times: number,
  open: (i: number) => Promise<RawSocket>,
): Promise<RawSocket[]> {
  const sockets: RawSocket[] = [];
  await runConcurrently(times, 20, async (i) => sockets.push(await open(i)));
  return sockets;
}

/** A session in a room. Resolves at its `welcome`. */
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
