import { useEffect, useState } from "react";

/** Shows whether browser notifications are enabled, or a button that enables them. */
export function BrowserNotificationSetting() {
  // `undefined` while prerendering, and in a browser without notifications.
  const [permission, setPermission] = useState<NotificationPermission>();
  useEffect(() => setPermission(globalThis.Notification?.permission), []);

  // Called only on a click: browsers may block a page forever that requests it without one.
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
        <button className="secondary" onClick={() => void requestPermission()}>
          Show them while I look elsewhere
        </button>
      );
  }
}
