import { createClient } from "roomcast";
import { pluggedFetch, PluggedWebSocket } from "./plug.ts";

// `make dev` has the backend one port above the worker, which serves this page.
const tokens = new URL("/api/token", location.href);
tokens.port = String(Number(location.port) + 1);

export const client = createClient({
  url: location.origin,
  async token(signal) {
    const response = await fetch(tokens, { credentials: "include", signal });
    if (response.status === 401) return null; // signed out
    if (!response.ok) throw new Error(`no token: ${response.status}`);
    return response.text();
  },
  WebSocket: PluggedWebSocket,
  fetch: pluggedFetch,
});
