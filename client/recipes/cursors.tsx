import { useState } from "react";
import type { AnyEvents } from "roomcast";
import { usePresence, useRoom, useSignal } from "roomcast/react";

interface Point {
  x: number;
  y: number;
}

export function Cursors() {
  const room = useRoom<AnyEvents, { cursor: Point }>("board:plan");
  const members = usePresence(room) ?? [];
  const [points, setPoints] = useState<Record<string, Point>>({});

  const move = useSignal(room, "cursor", (point, { from }) =>
    setPoints((all) => ({ ...all, [from]: point })),
  );

  // Only cursors of members are shown, so that a cursor disappears when its user leaves. A client
  // does not receive its own signals.
  const cursors = members.flatMap(({ user }) => {
    const point = points[user];
    return point ? [{ user, ...point }] : [];
  });
  return (
    <main onPointerMove={({ clientX, clientY }) => move({ x: clientX, y: clientY })}>
      {cursors.map(({ user, x, y }) => (
        <i key={user} style={{ position: "fixed", left: x, top: y }}>
          {user}
        </i>
      ))}
    </main>
  );
}
