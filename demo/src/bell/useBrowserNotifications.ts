import { useEvent } from "roomcast/react";
import type { UserRoom } from "./room.ts";
import { textOf, titleOf } from "./text.ts";

/** Shows new notifications in the browser while this window is hidden. */
export function useBrowserNotifications(room: UserRoom): void {
  useEvent(room, "delayed", (delay) => {
    if (globalThis.Notification?.permission !== "granted" || !document.hidden) return;
    // Notifications with the same tag replace each other, so several windows show only one
    // notification.
    const notification = new Notification(titleOf(delay), {
      body: textOf(delay),
      tag: delay.shipment,
    });
    notification.onclick = () => window.focus();
  });
}
