import { useEffect, useState } from "react";

/** Whether the browser may show notifications, and the button that asks for it. */
export function BrowserNotificationSetting() {
  // Not known where the page is rendered first, nor by a browser that has none.
  const [permission, setPermission] = useState<NotificationPermission>();
  useEffect(() => setPermission(globalThis.Notification?.permission), []);

  // Asked at a click, never before: a page that asks unasked is refused, and for good.
  const requestPermission = async (): Promise<void> =>
    setPermission(await Notification.requestPermission());

  switch (permission) {
    case undefined:
      return null;
    case "granted":
      return <p>Your browser shows them while you look elsewhere.</p>;
    case "denied":
      return <p>Your browser was told not to show them.</p>;
    case "default":
      return (
        <button className="quiet" onClick={() => void requestPermission()}>
          Show them while I look elsewhere
        </button>
      );
  }
}
