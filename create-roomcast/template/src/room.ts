import { createClient, type EventOf } from "roomcast";
import { useRoom } from "roomcast/react";

/** Events are stored: everybody receives each of them once and in order, also after an outage. */
type Events = { message: { text: string } };
/** Signals are not stored: only users who are connected now receive them. */
type Signals = { typing: null };

export type Message = EventOf<Events>;

export const client = createClient({
  url: `${location.origin}/realtime`,
  async token(signal) {
    const body = sessionStorage.getItem("user");
    const response = await fetch("/api/token", { method: "POST", body, signal });
    if (!response.ok) throw new Error(await response.text());
    return response.text();
  },
});

export const useChatRoom = () => useRoom<Events, Signals>("chat:lobby");
