import { createClient } from "roomcast";
import { token } from "./backend.ts";
import { switchableFetch, SwitchableWebSocket } from "./network.ts";
import { signIn } from "./user.ts";

export const client = createClient({
  url: location.origin,
  async token(signal) {
    const newest = await token(signal);
    if (newest !== null) signIn(newest);
    return newest;
  },
  WebSocket: SwitchableWebSocket,
  fetch: switchableFetch,
});
