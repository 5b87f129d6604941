import { useEvent } from "roomcast/react";
import type { UserRoom } from "./room.ts";
import { textOf, titleOf } from "./text.ts";

/** Has the browser show what comes while nobody looks at this window. */
export function useBrowserNotifications(room: UserRoom): void {
  useEvent(room, "delayed", (delay) => {
    if (globalThis.Notification?.permission !== "granted" || !document.hidden) return;
    // There is one of each tag, however many windows show it.
    const notification = new Notification(titleOf(delay), {
      body: textOf(delay),
      tag: delay.shipment,
    });
    notification.onclick = () => window.focus();
  });
}
