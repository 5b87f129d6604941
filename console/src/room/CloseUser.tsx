import { Dialog } from "../Dialog.tsx";
import { useOperator } from "../session.ts";

interface Props {
  readonly room: string;
  readonly user: string;
  readonly onDone: () => void;
}

export function CloseUser({ room, user, onDone }: Props) {
  const { session, announce } = useOperator();
  const confirm = async (): Promise<void> => {
    await session.api.closeUser(room, user);
    announce(`The sessions of ${user} in ${room} are closed.`);
    onDone();
  };
  return (
    <Dialog title={`Close ${user}?`} action="Close user" onConfirm={confirm} onCancel={onDone}>
      <p>
        All sessions of <strong>{user}</strong> in the room <strong>{room}</strong> end with the
        code 4010. The user can connect again as long as a token allows it.
      </p>
    </Dialog>
  );
}
