/**
 * Identifies the board's visitors by a cookie. A real app would identify its users by a login
 * session instead.
 */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Functions that are called for an identified visitor. */
export interface VisitorHandlers {
  tokenFor(visitor: string): Promise<string>;
  /** Called after a visitor's first token was sent. */
  onFirstVisit(visitor: string): Promise<void>;
  markRead(visitor: string, shipments: readonly string[]): Promise<void>;
}

const GIVEN = [
  "Ada", "Bruno", "Carla", "Dmitri", "Elif", "Femi", "Greta", "Hana", "Ivo", "Jana", "Kofi", "Lina",
  "Mateo", "Nadia", "Oskar", "Priya", "Quinn", "Rosa", "Samir", "Tilda", "Uma", "Viktor", "Wanda", "Yusuf",
]; // prettier-ignore
const FAMILY = [
  "Abara", "Berg", "Costa", "Dahl", "Engel", "Ferrari", "Garcia", "Haas", "Ito", "Jensen", "Kaya", "Lang",
  "Moreno", "Novak", "Okafor", "Petit", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Varga", "Weber", "Zhou",
]; // prettier-ignore

/**
 * Serves `GET /api/token` and `POST /api/read?shipment=…`. The parameter `guest` selects a second
 * cookie, so that one browser can act as two visitors.
 */
export const visitorsServer = (handlers: VisitorHandlers): Server =>
  createServer((request, response) => {
    allowOrigin(request, response);
    response.setHeader("cache-control", "no-store");
    handleRequest(handlers, request, response).catch((error: unknown) => {
      console.error(error);
      response.destroy();
    });
  });

async function handleRequest(
  handlers: VisitorHandlers,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url!, "http://localhost");
  const cookie = searchParams.has("guest") ? "guest" : "visitor";
  const session = sessionOf(request, cookie);

  switch (`${request.method} ${pathname}`) {
    case "GET /api/token": {
      // A request with a cookie gets the same cookie again, so that a renewed token is for the same
      // visitor.
      const id = session ?? randomUUID();
      response.setHeader("set-cookie", `${cookie}=${id}; HttpOnly; SameSite=Lax; Path=/`);
      response.end(await handlers.tokenFor(visitorOf(id)));
      if (!session) await handlers.onFirstVisit(visitorOf(id));
      return;
    }
    case "POST /api/read": {
      if (session) await handlers.markRead(visitorOf(session), searchParams.getAll("shipment"));
      response.writeHead(session ? 204 : 401).end();
      return;
    }
    default:
      response.writeHead(404).end();
  }
}

const sessionOf = ({ headers }: IncomingMessage, cookie: string): string | undefined =>
  new RegExp(`\\b${cookie}=([0-9a-f-]{36})(?:;|$)`).exec(headers.cookie ?? "")?.[1];

/**
 * Derives a visitor's public id. The id is derived from a hash, so it does not reveal the cookie.
 */
function visitorOf(session: string): string {
  const hash = createHash("sha256").update(session).digest();
  const given = GIVEN[hash[0]! % GIVEN.length]!;
  const family = FAMILY[hash[1]! % FAMILY.length]!;
  return `${given}-${family}-${hash.toString("hex", 2, 4)}`.toLowerCase();
}

/**
 * Allows cross-origin requests from pages of the same host, because the worker serves the page on a
 * different port.
 */
function allowOrigin({ headers }: IncomingMessage, response: ServerResponse): void {
  const { origin, host } = headers;
  if (!origin || !host || hostnameOf(origin) !== hostnameOf(`http://${host}`)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-credentials", "true");
  response.setHeader("vary", "origin");
}

const hostnameOf = (url: string): string | undefined => URL.parse(url)?.hostname;
