/** Tokens for the board's visitors. An app of your own would ask here who is signed in. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";

/** Serves `GET /api/token`. */
export const visitorsServer = (tokenFor: (visitor: string) => Promise<string>): Server =>
  createServer(async (request, response) => {
    if (request.method !== "GET" || request.url !== "/api/token") {
      response.writeHead(404).end();
      return;
    }
    // A renewed token has to be the same visitor's.
    const visitor = knownVisitor(request) ?? `visitor-${randomUUID().slice(0, 8)}`;
    response.setHeader("set-cookie", `visitor=${visitor}; HttpOnly; SameSite=Lax; Path=/`);
    response.setHeader("cache-control", "no-store");
    allowPage(request, response.setHeader.bind(response));
    response.end(await tokenFor(visitor));
  });

const knownVisitor = ({ headers }: IncomingMessage): string | undefined =>
  /\bvisitor=(visitor-[0-9a-f]{8})\b/.exec(headers.cookie ?? "")?.[1];

/** CORS: the page is this host's too, from the worker's port. */
function allowPage({ headers }: IncomingMessage, set: (name: string, value: string) => void): void {
  const { origin, host } = headers;
  if (!origin || !host || hostnameOf(origin) !== hostnameOf(`http://${host}`)) return;
  set("access-control-allow-origin", origin);
  set("access-control-allow-credentials", "true");
  set("vary", "origin");
}

const hostnameOf = (url: string): string | undefined => URL.parse(url)?.hostname;
