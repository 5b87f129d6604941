import { RoomcastError, type Code } from "./codes.ts";
import type { AnyEvents } from "./room/handlers.ts";
import { readEvents, request, roomUrl, serverUrl, urlOf, type Fetch, type Page } from "./http.ts";
import type { Backoff, Status } from "./connection/lifecycle.ts";
import type { ClientCommand, EndCommand, WebSocketClass } from "./connection/transport.ts";
import { checkRoomName } from "./room/name.ts";
import type { Author, OutboxLimits } from "./room/outbox.ts";
import { dropPositions, SavedPosition, type PositionStore } from "./room/position.ts";
import { guard, report as reportError, type Report } from "./report.ts";
import { Room } from "./room/room.ts";
import { Rooms } from "./room/rooms.ts";
import { TransportSelector } from "./connection/transport-selector.ts";
import { multiplexedConnections, roomConnections } from "./connection/multiplexed.ts";
import { Tokens, type Token, type TokenCallback } from "./connection/tokens.ts";

/** Makes all options optional. Each may also be `undefined`. */
type Optional<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** Options of `createClient`. Only `url` is required. */
export interface ClientOptions {
  /**
   * URL of the Roomcast worker, for example `https://rt.example.com`: absolute, with `http(s):` or
   * `ws(s):`, without query and fragment.
   */
  readonly url: string | URL;
  /**
   * Returns the user's token. Without it, the cookie `roomcast_token` must authenticate the user.
   */
  readonly token?: TokenCallback | undefined;
  /**
   * Storage for each room's position, such as `sessionStorage`, so that a reloaded page resumes.
   * Off by default.
   */
  readonly resume?: PositionStore | undefined;
  /**
   * Limits of the random delay between attempts, in ms. The delay is below a ceiling that doubles
   * from `minMs` (1,000 by default) to `maxMs` (30,000 by default).
   */
  readonly backoff?: Optional<Backoff> | undefined;
  /**
   * Limits of a room's publishes that wait for their ack. `maxQueued` is their number (1,000 by
   * default), and `timeoutMs` is the time limit of each (60,000 by default).
   */
  readonly publish?: Optional<OutboxLimits> | undefined;
  /**
   * `"shared"` (the default): one connection for all rooms, and another one for each further 100
   * rooms. `"room"`: a socket for each room.
   */
  readonly sockets?: "shared" | "room" | undefined;
  /**
   * Called with each error that rejects no promise of the app, for example if `token` fails.
   * Without it, these errors go to `reportError` (in Node, to `console.error`). Errors of the app's
   * own handlers always go there.
   */
  readonly onError?: ((error: RoomcastError) => void) | undefined;
  /**
   * `true` prints errors and the state changes of connections and rooms to the console. A function
   * receives each line instead.
   */
  readonly debug?: boolean | ((message: string) => void) | undefined;
  /**
   * Replaces the global `WebSocket`. Node has none before version 22: pass the class of the npm
   * package `ws`.
   */
  readonly WebSocket?: WebSocketClass | undefined;
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/** A client of one Roomcast worker, for one user at a time. */
export interface Client {
  /**
   * Returns a room, which connects when it is first used. The same name returns the same object
   * while the room is used or is one of the last 100 unused rooms. Throws a `RoomcastError` with
   * the code `bad_request` for an invalid name.
   */
  room<EventMap extends object = AnyEvents, SignalMap extends object = any, Data = any>(
    name: string,
  ): Room<EventMap, SignalMap, Data>;
  /**
   * Connects every room that is not connected, at once and with a new token. This includes rooms
   * that have ended. Call it after `disconnect`, `signOut` or a sign-in. It has no effect after
   * `close`.
   */
  connect(): void;
  /**
   * Does the same as `connect`, and also replaces open connections. Events that are published after
   * the call belong to the next user.
   */
  reconnect(): void;
  /**
   * Closes all connections until `connect`. Members leave at once. Publishes wait, as they do while
   * offline. Each room later resumes from its position.
   */
  disconnect(): void;
  /**
   * Closes all connections until `connect`, and drops the user's data. Members leave at once,
   * waiting publishes reject with `signed_out`, and positions and state are dropped.
   */
  signOut(): void;
  /** Ends every room permanently, with the status `closed`. */
  close(): void;
}

const HTTP_TIMEOUT_MS = 15_000;

/**
 * Creates a client, which connects when a room is first used. Throws a `TypeError` for an invalid
 * `url`.
 */
export function createClient({
  url: address,
  token,
  resume,
  backoff: { minMs = 1_000, maxMs = 30_000 } = {},
  publish: { maxQueued = 1_000, timeoutMs = 60_000 } = {},
  sockets = "shared",
  onError,
  debug,
  WebSocket = globalThis.WebSocket,
  fetch = globalThis.fetch,
}: ClientOptions): Client {
  const url = serverUrl(address);
  const rooms = new Rooms(newRoom);
  const print = debug === true ? (message: string) => console.log(`roomcast: ${message}`) : debug;
  const log = print || (() => {});
  const report: Report = (error) => {
    log(`error: ${error.code}: ${error.message}`);
    if (onError) guard(() => onError(error));
    else reportError(error);
  };
  const tokens = new Tokens(token, { onUser, report, log });
  const get = authorizedGet(tokens, fetch);
  const selector = new TransportSelector({ url, WebSocket, fetch, report });
  const connectTo = sockets === "room" ? roomConnections : multiplexedConnections;
  const connections = connectTo(
    { tokens, backoff: { minMs, maxMs }, selector, onUser, report, log },
    url,
  );
  /**
   * The last `end` command, while it is in effect. Rooms that are created or used later receive it.
   */
  let endCommand: EndCommand | undefined;
  /** The author of new publishes: a new object for each user, as far as the user is known. */
  let author: Author = { name: undefined };

  function newRoom(name: string): Room {
    const events = roomUrl(url, name, "events");
    const room = new Room(name, {
      saved: new SavedPosition(resume, events),
      outbox: { maxQueued, timeoutMs },
      report,
      author: () => author,
      connect: connections.connect,
      readEvents: (range) => readEvents((query) => get<Page>(new URL(query, events)), range),
      readState: () => get(roomUrl(url, name, "state")),
      countMembers: async () => (await get<{ members: number }>(roomUrl(url, name))).members,
      onActive() {
        rooms.use(room);
        if (endCommand) room.dispatch(endCommand);
      },
      onIdle: () => rooms.release(room),
    });
    if (endCommand) room.dispatch(endCommand);
    return room;
  }

  function onUser(user: string): void {
    if (author.name === user) return;
    const isChange = author.name !== undefined;
    // The app has not announced this change of user, so waiting publishes belong to the previous
    // user.
    if (isChange) author = { name: user };
    else author.name = user;
    for (const room of rooms.all) room.onUser(user);
    // Open connections also belong to the previous user: nothing of this user may be sent over
    // them.
    if (isChange) dispatch({ type: "restart" });
  }

  const isClosed = (): boolean => endCommand?.reason === "closed";

  function begin(type: "connect" | "restart"): void {
    if (isClosed()) return;
    endCommand = undefined;
    tokens.clear();
    dispatch({ type });
  }

  function end(status: Status, reason: Code): void {
    if (isClosed()) return;
    endCommand = { type: "end", status, reason };
    dispatch(endCommand);
  }

  function dispatch(command: ClientCommand): void {
    connections.dispatch(command);
    for (const room of rooms.all) room.dispatch(command);
  }

  return {
    room<EventMap extends object, SignalMap extends object, Data>(name: string) {
      checkRoomName(name);
      return rooms.get(name) as unknown as Room<EventMap, SignalMap, Data>;
    },
    connect: () => begin("connect"),
    reconnect() {
      author = { name: undefined };
      begin("restart");
    },
    disconnect() {
      if (!endCommand) end("closed", "disconnected");
    },
    signOut() {
      author = { name: undefined };
      tokens.clear();
      end("unauthorized", "signed_out");
      for (const room of rooms.all) room.reset();
      dropPositions(resume, urlOf(url, "rooms/"));
    },
    close: () => end("closed", "closed"),
  };
}

/**
 * Returns a function that sends a GET with the newest token. If the token is rejected, the function
 * retries once with a new one.
 */
function authorizedGet(tokens: Tokens, fetch: Fetch): <Answer>(url: URL) => Promise<Answer> {
  return async <Answer>(url: URL) => {
    const token = await tokens.get();
    const get = async (token: Token): Promise<Answer> => {
      if (token !== null) return request(fetch, url, { token, timeoutMs: HTTP_TIMEOUT_MS });
      throw new RoomcastError("unauthorized", "No user is signed in.");
    };
    try {
      return await get(token);
    } catch (error) {
      if (!isTokenRejection(error)) throw error;
      return get(await tokens.get(token));
    }
  };
}

const isTokenRejection = (error: unknown): boolean =>
  ["unauthorized", "token_expired"].includes((error as RoomcastError).code);
