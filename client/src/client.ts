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

/** Makes all options optional and permits the value `undefined`. */
type Optional<Options> = { readonly [Name in keyof Options]?: Options[Name] | undefined };

/** Options of `createClient`. Only `url` is required. */
export interface ClientOptions {
  /**
   * Absolute URL of the Roomcast worker, for example `https://rt.example.com`. Its scheme is
   * `http(s):` or `ws(s):`, and it has no query and no fragment.
   */
  readonly url: string | URL;
  /**
   * Returns the user's token. Without this callback, the cookie `roomcast_token` must authenticate
   * the user, or the rooms must be public.
   */
  readonly token?: TokenCallback | undefined;
  /**
   * Storage for each room's position, such as `sessionStorage`, so that a reloaded page resumes. By
   * default, positions are not stored.
   */
  readonly resume?: PositionStore | undefined;
  /**
   * Limits of the random delay before an attempt to connect, in ms. The delay is random and below a
   * ceiling. The ceiling doubles with each failed attempt, from `minMs` (1,000 by default) to
   * `maxMs` (30,000 by default).
   */
  readonly backoff?: Optional<Backoff> | undefined;
  /**
   * Limits for the publishes of a room that wait for their ack. `maxQueued` is the maximum number
   * of these publishes (1,000 by default). `timeoutMs` is the time limit of each publish in ms
   * (60,000 by default).
   */
  readonly publish?: Optional<OutboxLimits> | undefined;
  /**
   * `"shared"` (the default) opens one connection for up to 100 rooms, and another connection for
   * each further 100 rooms. `"room"` opens a socket for each room.
   */
  readonly sockets?: "shared" | "room" | undefined;
  /**
   * Called with each error that rejects no promise of the app, for example if `token` fails.
   * Without this callback, these errors go to `reportError` (in Node, to `console.error`). Errors
   * that the app's own handlers throw always go to `reportError`.
   */
  readonly onError?: ((error: RoomcastError) => void) | undefined;
  /**
   * `true` prints errors and the state changes of connections and rooms to the console. If `debug`
   * is a function, it receives each line instead.
   */
  readonly debug?: boolean | ((message: string) => void) | undefined;
  /**
   * Replaces the global `WebSocket`. Node before version 22 has no `WebSocket`: pass the class of
   * the npm package `ws`.
   */
  readonly WebSocket?: WebSocketClass | undefined;
  /** The function that the client calls instead of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
}

/** A client of one Roomcast worker, for one user at a time. */
export interface Client {
  /**
   * Returns a room, which connects when it is first used. Another call with this name returns the
   * same object if the room is used, or if it is among the 100 newest unused rooms. Throws a
   * `RoomcastError` with the code `bad_request` for an invalid name.
   */
  room<EventMap extends object = AnyEvents, SignalMap extends object = any, Data = any>(
    name: string,
  ): Room<EventMap, SignalMap, Data>;
  /**
   * Immediately connects every used room that is not connected, including rooms that have ended. A
   * new connection uses a new token. A room on an open shared connection joins with the token of
   * that connection: to replace this token, call `reconnect`. Call `connect` after `disconnect`, `signOut` or a sign-in. After
   * `close`, `connect` has no effect.
   */
  connect(): void;
  /**
   * Does the same as `connect`, and also replaces open connections. Events that are published after
   * the call belong to the next user.
   */
  reconnect(): void;
  /**
   * Closes all connections until `connect` is called. The client immediately leaves the rooms that
   * it has entered. Publishes wait, as they do while the client is offline. Each room later resumes
   * from its position.
   */
  disconnect(): void;
  /**
   * Closes all connections until `connect` is called, and drops the user's data. The client
   * immediately leaves the rooms that it has entered. Waiting publishes reject with `signed_out`,
   * and positions and state are dropped.
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
   * The `end` command that is in effect, if any. Rooms that are created or used later receive this
   * command.
   */
  let endCommand: EndCommand | undefined;
  /**
   * The author of new publishes. Each user has a separate object, whose name is `undefined` until
   * the user is known.
   */
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
    // Open connections also belong to the previous user, so frames of the new user must not be sent
    // over them.
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
 * retries once with a new token.
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
