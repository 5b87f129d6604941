/** A worker with routes of its own, and with every option of `createRoomcast`. */
import {
  closeUser,
  createRoomcast,
  erase,
  publish,
  readEvents,
  readState,
  type RoomNamespace,
  type RoomService,
} from "roomcast/worker";

interface Env {
  ROOMS: RoomNamespace;
  SERVICE?: RoomService;
}

const RIGHTS = ["subscribe", "publish", "presence"] as const;

const roomcast = createRoomcast<Env>({
  basePath: "/realtime",

  async authenticate(request) {
    const [, session] = /\bsession=([\w-]+)/.exec(request.headers.get("cookie") ?? "") ?? [];
    const [, token] =
      /^Bearer session-([\w-]+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
    const user = session ?? token;
    switch (user) {
      case undefined:
        return undefined;
      case "nobody":
        return null;
      case "throws":
        throw new Error("the session store is down");
      case "hangs":
        return new Promise(() => {});
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, 300));
        break;
      case "wrong":
        return { user, rooms: "all" as never, expiresAt: Date.now() };
      case "seconds":
        return { user, rooms: {}, expiresAt: Date.now() / 1_000 };
      case "expired":
        return { user, rooms: { "*": RIGHTS }, expiresAt: Date.now() - 60_000 };
    }
    return { user, rooms: { "*": RIGHTS }, expiresAt: Date.now() + 3_600_000 };
  },

  beforePublish({ name, data }, { room, user }) {
    switch (name) {
      case "refused":
        return { refuse: `${user} may not publish this in ${room}` };
      case "changed":
        return { data: { by: user, was: data } };
      case "throws":
        throw new Error("the schema is broken");
      case "overflows":
        return (function recurse(): never {
          return recurse();
        })();
      case "promise":
        return Promise.resolve() as never;
      case "nonsense":
        return { nonsense: 1 } as never;
      case "nothing":
        return { data: undefined };
      case "no-text":
        return { refuse: new Error("no text"), data } as never;
      case "false":
        return false as never;
    }
    return undefined;
  },
});

/** Replaces the namespace of Cloudflare, and answers with the parameters of the call. */
const namespace = (jurisdiction?: string): RoomNamespace => {
  const answer = (asked: object) => ({ status: 200, body: JSON.stringify(asked) });
  const getByName = (name: string, options: object) => ({
    request: async () => answer({ name, jurisdiction, ...options }),
  });
  return { jurisdiction: namespace, getByName } as object as RoomNamespace;
};

export { RoomObject, RoomService } from "roomcast/worker";

export default {
  async fetch(request: Request, env: Env, context: { waitUntil(promise: Promise<unknown>): void }) {
    const answer = await roomcast.route(request, env, context);
    if (answer) return answer;
    const { pathname, searchParams } = new URL(request.url);
    // A mistake: this route passes a visitor's request to a room.
    if (pathname.startsWith("/rooms/")) return env.ROOMS.getByName("forwarded").fetch(request);
    if (!pathname.startsWith("/own/")) return new Response("a page of the worker's own");
    const rooms = searchParams.has("service") ? env.SERVICE! : env.ROOMS;
    const [room, argument] = [searchParams.get("room")!, await request.text()];
    const calls: Record<string, () => Promise<unknown>> = {
      publish: () => publish(rooms, room, JSON.parse(argument)),
      publishAs: () => publish(rooms, room, { name: "said", data: 1 }, { user: argument }),
      events: () => readEvents(rooms, room, JSON.parse(argument)),
      state: () => readState(rooms, room),
      place: () => readState(namespace(), room),
      close: () => closeUser(rooms, room, argument),
      erase: () => erase(rooms, room),
    };
    try {
      return Response.json((await calls[pathname.slice(5)]!()) ?? null);
    } catch (error) {
      const { name, code, message } = error as Error & { code?: string };
      return Response.json({ name, code, message }, { status: 400 });
    }
  },
};
