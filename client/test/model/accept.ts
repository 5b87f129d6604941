/** Accepts sockets for a model server, by route and token. */
import { grantIn } from "./claims.ts";
import { ModelConnection } from "./connection.ts";
import { Joined } from "./joined.ts";
import type { ModelServer } from "./server.ts";
import type { Peer, ServerSocket } from "./session.ts";

/** Returns the accepted socket, or `undefined` if the socket was refused. */
export function accept(
  server: ModelServer,
  url: URL,
  token: string | undefined,
  peer: Peer,
): ServerSocket | undefined {
  if (token === undefined && server.cookie === undefined) return new UnauthenticatedSocket(peer);
  const claims = server.claimsOf(token);
  if (claims === undefined) return refuse(peer, 4001);
  if (url.pathname === "/events") {
    server.accepted++;
    return new ModelConnection(server, claims, peer);
  }
  const name = decodeURIComponent(url.pathname.split("/")[2]!);
  if (!grantIn(claims, name).includes("subscribe")) return refuse(peer, 4003);
  server.accepted++;
  return new Joined(server, server.room(name), claims, peer, {
    since: url.searchParams.get("since") ?? undefined,
    windowBytes: url.searchParams.has("flow") ? server.settings.windowBytes.own : undefined,
  });
}

function refuse(peer: Peer, code: number): undefined {
  peer.close(code);
}

const FIRST_FRAME_MS = 10_000;

/** A socket without a token. It receives only `pong`, and closes after 10 seconds. */
class UnauthenticatedSocket implements ServerSocket {
  readonly user = "";
  readonly #peer: Peer;
  readonly #timeout: ReturnType<typeof setTimeout>;

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#timeout = setTimeout(() => peer.close(4001), FIRST_FRAME_MS);
  }

  receive(text: string): void {
    if (text === '{"type":"ping"}') this.#peer.send({ type: "pong" });
    else this.#peer.close(4001);
  }

  disconnect(): void {
    clearTimeout(this.#timeout);
  }

  expire(): void {}
}
