/** Node before version 22 has no WebSocket. */
import { createClient } from "roomcast";
import WebSocket from "ws";

export const client = createClient({ url: "https://rt.example.com", WebSocket });
