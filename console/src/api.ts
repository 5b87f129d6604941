import { RoomcastError, type Code } from "roomcast";
import type { Member, MembersAnswer, RoomsAnswer, StatsAnswer } from "roomcast/protocol";

const TIMEOUT_MS = 15_000;

/** Sends the operator's requests to the worker. A failed call rejects with a `RoomcastError`. */
export class Api {
  /** URL of the worker without a slash at the end. */
  readonly url: string;
  readonly #token: string;
  readonly #onRefused: (error: RoomcastError) => void;

  /** `onRefused` is called when the worker refuses the token. */
  constructor(url: string, token: string, onRefused: (error: RoomcastError) => void) {
    this.url = url;
    this.#token = token;
    this.#onRefused = onRefused;
  }

  listRooms(query: Record<string, string>, signal?: AbortSignal): Promise<RoomsAnswer> {
    return this.#json(`rooms?${new URLSearchParams(query)}`, signal);
  }

  async metrics(signal?: AbortSignal): Promise<string> {
    return (await this.#send("GET", "metrics", signal)).text();
  }

  stats(room: string, signal?: AbortSignal): Promise<StatsAnswer> {
    return this.#json(`rooms/${encodeURIComponent(room)}`, signal);
  }

  async members(room: string, signal?: AbortSignal): Promise<readonly Member[]> {
    const path = `rooms/${encodeURIComponent(room)}/members`;
    return (await this.#json<MembersAnswer>(path, signal)).members;
  }

  async closeUser(room: string, user: string): Promise<void> {
    const query = new URLSearchParams({ user });
    await this.#send("DELETE", `rooms/${encodeURIComponent(room)}/members?${query}`);
  }

  async erase(room: string): Promise<void> {
    await this.#send("DELETE", `rooms/${encodeURIComponent(room)}`);
  }

  async #json<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    return (await this.#send("GET", path, signal)).json() as Promise<Answer>;
  }

  async #send(method: string, path: string, signal?: AbortSignal): Promise<Response> {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await fetch(`${this.url}/${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        credentials: "same-origin",
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (cause) {
      if (limit.aborted) {
        throw new RoomcastError("timeout", `No answer within ${TIMEOUT_MS / 1_000} s.`);
      }
      throw new RoomcastError("offline", "The worker can't be reached.", undefined, cause);
    }
    if (response.ok) return response;
    const error = await errorOf(response);
    if (response.status === 401) this.#onRefused(error);
    throw error;
  }
}

async function errorOf(response: Response): Promise<RoomcastError> {
  try {
    const { error } = (await response.json()) as { error: { code: Code; message: string } };
    return new RoomcastError(error.code, error.message);
  } catch {
    // Something in front of the worker answered, such as an expired sign-in of Cloudflare Access.
    return new RoomcastError("offline", `An answer with status ${response.status}.`);
  }
}

/** Returns an error as a `RoomcastError`. */
export const asError = (error: unknown): RoomcastError =>
  error instanceof RoomcastError ? error : new RoomcastError("internal", String(error));
