import { useState } from "react";
import { RoomcastError } from "roomcast";
import { Dialog } from "../Dialog.tsx";
import { LIST_HREF } from "../route.ts";
import { useOperator } from "../session.ts";

export function Erase({ room }: { room: string }) {
  const { session, announce } = useOperator();
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const confirm = async (): Promise<void> => {
    if (typed !== room) {
      throw new RoomcastError("bad_request", "The typed name is not the name of the room.");
    }
    await session.api.erase(room);
    announce(`The room ${room} is erased.`);
    location.hash = LIST_HREF;
  };
  const cancel = (): void => {
    setTyped("");
    setOpen(false);
  };
  return (
    <section className="panel" aria-labelledby="erase">
      <h2 id="erase">Erase</h2>
      <p>
        Erasing removes all events and the state of this room, and closes its sockets. It can't be
        undone.
      </p>
      <button type="button" className="secondary danger" onClick={() => setOpen(true)}>
        Erase room…
      </button>
      {isOpen && (
        <Dialog title="Erase this room?" action="Erase" onConfirm={confirm} onCancel={cancel}>
          <p>
            All events and the state of <strong>{room}</strong> are removed for good. Its clients
            are disconnected.
          </p>
          <label>
            <span>Type the name of the room to confirm</span>
            <input
              value={typed}
              onChange={({ target }) => setTyped(target.value)}
              autoComplete="off"
              spellCheck={false}
              autoFocus
            />
          </label>
        </Dialog>
      )}
    </section>
  );
}
