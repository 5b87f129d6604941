import { createRoomcast, createToken, type Context } from "roomcast/worker";

export { RoomObject } from "roomcast/worker";

type Env = { JWT_SECRET: string };

const roomcast = createRoomcast({
  basePath: "/realtime",
  beforePublish({ data }) {
    const length = typeof data?.text === "string" ? data.text.length : 0;
    if (length < 1 || length > 1_000) return { refuse: "a message has 1 to 1,000 characters" };
  },
});

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    if (new URL(request.url).pathname === "/api/token") return answerToken(request, env);
    return (await roomcast.route(request, env, context)) ?? new Response(null, { status: 404 });
  },
};

/**
 * Answers with a token for the name in the request. This chat believes every name: a real app first
 * checks who asks, for example by a password or a session cookie.
 */
async function answerToken(request: Request, env: Env): Promise<Response> {
  const user = await request.text();
  if (user.length < 1 || user.length > 40)
    return new Response("A name has 1 to 40 characters.", { status: 400 });
  const token = await createToken(env.JWT_SECRET, {
    user,
    rooms: { "chat:*": ["subscribe", "publish", "presence"] },
    expiresInSeconds: 3600,
  });
  return new Response(token);
}
