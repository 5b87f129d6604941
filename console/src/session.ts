import { createContext, useContext } from "react";
import { createClient, type Client, type RoomcastError } from "roomcast";
import { Api } from "./api.ts";
import { MetricsStore } from "./charts/store.ts";

/** An operator who is signed in. The token is only in the memory of these objects. */
export interface Session {
  readonly api: Api;
  readonly client: Client;
  readonly metrics: MetricsStore;
  /** Claims of the token that the page shows, if it is a JWT. */
  readonly user: string | undefined;
  readonly expiresAt: number | undefined;
}

/** URL of the worker: the page is at `console` below its base path. */
const WORKER_URL = new URL(".", location.href.replace(/[?#].*$/, "")).href.replace(/\/$/, "");

/**
 * Creates a session, if the worker accepts the token for the list of rooms. `onRefused` is called
 * if the worker refuses the token later.
 */
export async function signIn(
  token: string,
  onRefused: (session: Session, error: RoomcastError) => void,
): Promise<Session> {
  let session: Session | undefined;
  const api = new Api(WORKER_URL, token, (error) => session && onRefused(session, error));
  await api.listRooms({ limit: "1" });
  const client = createClient({
    url: WORKER_URL,
    token: () => token,
    // The pages show these errors by the status of the room.
    onError: () => {},
  });
  const metrics = new MetricsStore(api);
  session = { api, client, metrics, ...shownClaims(token) };
  return session;
}

export function signOut({ client, metrics }: Session): void {
  client.close();
  metrics.stop();
}

function shownClaims(token: string): Pick<Session, "user" | "expiresAt"> {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return { user: String(sub), expiresAt: Number.isFinite(exp) ? exp * 1_000 : undefined };
  } catch {
    return { user: undefined, expiresAt: undefined };
  }
}

/** Session of the operator, and the message about the last action. */
export interface Operator {
  readonly session: Session;
  /** Shows a message, and announces it to screen readers. */
  announce(message: string): void;
}

export const OperatorContext = createContext<Operator | undefined>(undefined);

export const useOperator = (): Operator => useContext(OperatorContext)!;
