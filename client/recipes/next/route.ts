import { SignJWT } from "jose";
import { userOf } from "./session.ts";

export async function GET(request: Request): Promise<Response> {
  const user = await userOf(request);
  if (user === undefined) return new Response("Nobody is signed in.", { status: 401 });
  const token = await new SignJWT({ rooms: { "shipments:*": ["subscribe"] } })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("15m")
    .sign(new TextEncoder().encode(process.env.JWT_SECRET));
  return new Response(token, { headers: { "Cache-Control": "no-store" } });
}
