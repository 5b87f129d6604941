import { createClient } from "roomcast";
import { token } from "./backend.ts";
import { pluggedFetch, PluggedWebSocket } from "./plug.ts";
import { signIn } from "./user.ts";

export const client = createClient({
  url: location.origin,
  async token(signal) {
    const newest = await token(signal);
    if (newest !== null) signIn(newest);
    return newest;
  },
  WebSocket: PluggedWebSocket,
  fetch: pluggedFetch,
});
