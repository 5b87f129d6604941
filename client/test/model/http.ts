/** Implements the part of the HTTP contract that the package uses, with the model. */
import type { NewEvent } from "./room.ts";
import { grantIn } from "./claims.ts";
import type { ModelServer } from "./server.ts";

export interface ModelRequest {
  method: string;
  url: URL;
  token: string | undefined;
  body: string;
}

export interface ModelResponse {
  status: number;
  body: object;
}

const error = (status: number, code: string): ModelResponse => ({
  status,
  body: { error: { code, message: `Refused: ${code}.` } },
});

export function respond(
  server: ModelServer,
  { method, url, token, body }: ModelRequest,
): ModelResponse {
  const claims = server.claimsOf(token);
  if (!claims) return error(401, "unauthorized");
  const [, , name, leaf] = url.pathname.split("/");
  const room = server.room(decodeURIComponent(name!));
  if (!grantIn(claims, room.name).includes(method === "POST" ? "publish" : "subscribe")) {
    return error(403, "forbidden");
  }
  if (leaf === undefined) return { status: 200, body: { members: room.presence.members.length } };
  if (leaf === "state") return { status: 200, body: room.snapshot };
  if (method === "GET") {
    const page = room.page(url.searchParams);
    return page ? { status: 200, body: page } : error(410, "position_lost");
  }
  const request = JSON.parse(body) as { events?: NewEvent[] } & NewEvent;
  const { seqs, isNew } = room.append(request.events ?? [request], claims.sub, server.now());
  return { status: isNew ? 201 : 200, body: { room: room.name, epoch: room.epoch, seqs } };
}

/** Returns a `fetch` that calls the model without a network. */
export const fetchFrom =
  (server: ModelServer): typeof fetch =>
  async (input, init) => {
    const headers = new Headers(init?.headers);
    const { status, body } = respond(server, {
      method: init?.method ?? "GET",
      url: new URL(String(input)),
      token: headers.get("authorization")?.slice("Bearer ".length),
      body: String(init?.body ?? ""),
    });
    return Response.json(body, { status });
  };
