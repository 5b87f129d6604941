import { useEvent } from "roomcast/react";
import type { UserRoom } from "./room.ts";
import { textOf, titleOf } from "./words.ts";

/** Has the browser show what comes while nobody looks at this window. */
export function useAlerts(room: UserRoom): void {
  useEvent(room, "delayed", (delay) => {
    if (globalThis.Notification?.permission !== "granted" || !document.hidden) return;
    // There is one of each tag, however many windows show it.
    const alert = new Notification(titleOf(delay), { body: textOf(delay), tag: delay.shipment });
    alert.onclick = () => window.focus();
  });
}
