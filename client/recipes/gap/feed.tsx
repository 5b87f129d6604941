import { useEffect, useState } from "react";
import { useEvents, useRoom } from "roomcast/react";

export function Feed() {
  const room = useRoom("shipments:all");
  const events = useEvents(room, { last: 50 });
  const [isIncomplete, setIncomplete] = useState(false);
  // Optional: tell the user. `useEvents` has already started to read the newest events again.
  useEffect(() => room.listen({ gap: () => setIncomplete(true) }), [room]);
  return (
    <>
      {isIncomplete && <p>You were away for long. Some events are not shown.</p>}
      <ol>
        {events.map(({ seq, name }) => (
          <li key={seq}>{name}</li>
        ))}
      </ol>
    </>
  );
}
