import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import type { RoomcastError } from "roomcast";
import { asError } from "./api.ts";
import { ErrorText } from "./ErrorText.tsx";

interface Props {
  readonly title: string;
  readonly action: string;
  /** Runs the action. If it rejects, the dialog stays open and shows the error. */
  readonly onConfirm: () => Promise<void>;
  readonly onCancel: () => void;
  readonly children: ReactNode;
}

/** A dialog that asks for a confirmation. The browser keeps the focus inside it. */
export function Dialog({ title, action, onConfirm, onCancel, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [error, setError] = useState<RoomcastError>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
    } catch (error) {
      setError(asError(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        {error && <ErrorText error={error} />}
        <div className="buttons">
          <button type="button" className="secondary" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" className="danger" disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
