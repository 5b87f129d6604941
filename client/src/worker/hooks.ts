/** Your functions, in the form in which the built worker calls them (src/edge/hooks.rs). */
import type { Right } from "../token.ts";

/** A user, as `authenticate` returns it. */
export interface Authenticated {
  /** Name or id of the user, 1 to 128 characters. Events have it as `from`. */
  readonly user: string;
  /** Rights by room pattern, for example `{ "chat:*": ["subscribe", "publish"] }`. */
  readonly rooms: Readonly<Record<string, readonly Right[]>>;
  /** Time when the user's sessions end, unless they are renewed. A number is in ms since 1970. */
  readonly expiresAt: number | Date;
}

/** An event that `beforePublish` checks. */
export interface PublishedEvent {
  readonly name: string;
  readonly data: any;
  readonly id?: string;
  readonly key?: string;
  readonly origin?: string;
}

/** The user who publishes an event, and the room. */
export interface Publisher {
  readonly room: string;
  readonly user: string;
}

/**
 * The result of `beforePublish`: `undefined` publishes the event, `data` replaces the event's data,
 * and `refuse` refuses the event with a message for the client.
 */
export type Verdict =
  | { readonly data: unknown; readonly refuse?: undefined }
  | { readonly refuse: string; readonly data?: undefined }
  | undefined
  | void;

/** Options of `createRoomcast`. */
export interface RoomcastOptions<Env> {
  /** Path below which Roomcast's routes are, such as `/realtime`. By default, the root. */
  readonly basePath?: string | undefined;
  /**
   * Returns the user of a request. If the result is `null`, no user is signed in. If it is
   * `undefined`, the request's token is verified as usual.
   *
   * The request has the URL and the headers of the client's request, but no body. It has cookies
   * only if the request comes from a page of the worker's own origin, or of an origin that
   * `ALLOWED_ORIGINS` lists by name. A token in an `auth` frame arrives as a request that has only
   * the header `Authorization`.
   *
   * If the function throws, or does not answer within 10 s, the client receives `internal` and
   * connects again.
   */
  readonly authenticate?:
    | ((
        request: Request,
        env: Env,
      ) => Authenticated | null | undefined | Promise<Authenticated | null | undefined>)
    | undefined;
  /**
   * Checks each event that a client publishes over a socket or HTTP. The function must be
   * synchronous and quick, because the room waits for it. If it throws, the event is refused with
   * the code `rejected`, and the error is logged.
   */
  readonly beforePublish?: ((event: PublishedEvent, publisher: Publisher) => Verdict) | undefined;
}

/** A verdict in the form for the built worker. Without both fields, the event is unchanged. */
interface RawVerdict {
  readonly rejected?: string;
  readonly data?: string;
}

interface Hooks {
  readonly basePath: string;
  readonly checksEvents: boolean;
  /** Returns the claims as JSON, or `null` or `undefined`. Absent if there is no `authenticate`. */
  readonly authenticate?: (request: Request) => Promise<string | null | undefined>;
  beforePublish(room: string, user: string, event: string): RawVerdict;
}

let options: RoomcastOptions<any> | undefined;

/** Registers the options for the worker and for all rooms of this script. */
export function register(registered: RoomcastOptions<any>): void {
  if (options) throw new TypeError("`createRoomcast` can be called only once in a worker");
  checkBasePath(registered.basePath);
  checkFunction("authenticate", registered.authenticate);
  checkFunction("beforePublish", registered.beforePublish);
  options = registered;
}

export const basePathOf = ({ basePath = "" }: RoomcastOptions<any>): string => basePath;

/** Key of the hooks in the environment. No binding can have this key, because it is a symbol. */
const HOOKS = Symbol.for("roomcast.hooks");

/** The environments with the hooks. The runtime passes the same environment with all requests. */
const environments = new WeakMap<object, object>();

/** Returns the environment, with the hooks if `createRoomcast` was called. */
export function withHooks(env: object): object {
  if (!options) return env;
  let extended = environments.get(env);
  if (!extended) {
    extended = Object.create(env, { [HOOKS]: { value: hooksOf(options, env) } }) as object;
    environments.set(env, extended);
  }
  return extended;
}

function hooksOf(options: RoomcastOptions<any>, env: object): Hooks {
  const { authenticate, beforePublish } = options;
  return {
    basePath: basePathOf(options),
    checksEvents: beforePublish !== undefined,
    ...(authenticate && {
      authenticate: async (request) => claimsOf(await authenticate(request, env)),
    }),
    beforePublish: (room, user, event) => check(beforePublish!, event, { room, user }),
  };
}

/** Limit for a time in seconds: 100,000,000,000 ms is the year 1973. */
const MIN_EXPIRES_AT_MS = 1e11;

function claimsOf(result: Authenticated | null | undefined): string | null | undefined {
  if (result === null || result === undefined) return result;
  const { user, rooms, expiresAt } = result;
  const expiresAtMs = Math.floor(Number(expiresAt));
  if (!(expiresAtMs >= MIN_EXPIRES_AT_MS && Number.isSafeInteger(expiresAtMs))) {
    throw new TypeError(`\`expiresAt\` must be a Date or a number of ms since 1970: ${expiresAt}`);
  }
  return JSON.stringify({ user, rooms, expires_at: expiresAtMs });
}

const REFUSED = "the service could not check this event";

function check(
  beforePublish: (event: PublishedEvent, publisher: Publisher) => Verdict,
  event: string,
  publisher: Publisher,
): RawVerdict {
  try {
    return rawVerdict(beforePublish(JSON.parse(event), publisher));
  } catch (cause) {
    logFailure(cause);
    return { rejected: REFUSED };
  }
}

/** Writes a line like those of the built worker (src/edge/log.rs). */
function logFailure(cause: unknown): void {
  const text = cause instanceof Error ? (cause.stack ?? String(cause)) : String(cause);
  console.error(JSON.stringify({ level: "error", event: "before_publish_failed", cause: text }));
}

function rawVerdict(verdict: Verdict): RawVerdict {
  if (verdict === undefined || verdict === null) return {};
  const { refuse, data, then } = verdict as Partial<Record<string, unknown>>;
  if (then !== undefined) throw new TypeError("it must be synchronous, and not return a promise");
  if (typeof refuse === "string") return { rejected: refuse };
  const json = refuse === undefined ? JSON.stringify(data) : undefined;
  if (json === undefined) throw new TypeError("it must return { data }, { refuse } or undefined");
  return { data: json };
}

function checkBasePath(basePath: unknown = ""): void {
  if (typeof basePath === "string" && /^(\/[\w.~-]+)*$/.test(basePath)) return;
  throw new TypeError(`\`basePath\` must be like /realtime, not ${JSON.stringify(basePath)}`);
}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(`\`${name}\` must be a function`);
}
