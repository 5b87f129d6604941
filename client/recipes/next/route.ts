import { createToken } from "roomcast/server";
import { userOf } from "./session.ts";

export async function GET(request: Request): Promise<Response> {
  const user = await userOf(request);
  if (user === undefined) return new Response("Nobody is signed in.", { status: 401 });
  const token = await createToken(process.env.JWT_SECRET!, {
    user,
    rooms: { "shipments:*": ["subscribe"] },
    expiresInSeconds: 900,
  });
  return new Response(token, { headers: { "Cache-Control": "no-store" } });
}
