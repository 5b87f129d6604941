import { useId, useState, type FormEvent } from "react";
import type { Room, RoomcastError } from "roomcast";
import { usePublish } from "roomcast/react";
import { asError } from "../api.ts";
import { ErrorText } from "../ErrorText.tsx";
import { useOperator } from "../session.ts";

export function Publish({ room }: { room: Room }) {
  const publish = usePublish(room);
  const { announce } = useOperator();
  const [error, setError] = useState<RoomcastError>();
  const [invalid, setInvalid] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const id = useId();

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [name = "", key, text = ""] = ["name", "key", "data"].map((of) => String(form.get(of)));
    setError(undefined);
    setInvalid(undefined);
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (error) {
      setInvalid(`This is not JSON: ${(error as Error).message}`);
      return;
    }
    setBusy(true);
    try {
      const seq = await publish(name, data, key ? { key } : {});
      announce(`Published ${name} with seq ${seq}.`);
    } catch (error) {
      setError(asError(error));
    }
    setBusy(false);
  }

  return (
    <form onSubmit={submit}>
      <div className="row">
        <label>
          <span>Name</span>
          <input name="name" defaultValue="test" required autoComplete="off" spellCheck={false} />
        </label>
        <label>
          <span>Key (optional)</span>
          <input name="key" autoComplete="off" spellCheck={false} />
        </label>
      </div>
      <label>
        <span>Data, as JSON</span>
        <textarea
          name="data"
          rows={3}
          spellCheck={false}
          defaultValue={'{ "hello": "world" }'}
          aria-invalid={invalid !== undefined}
          aria-describedby={invalid === undefined ? undefined : id}
        />
      </label>
      {invalid !== undefined && (
        <p id={id} role="alert" className="error">
          {invalid}
        </p>
      )}
      {error && <ErrorText error={error} />}
      <button type="submit" disabled={isBusy}>
        {isBusy ? "Publishing…" : "Publish"}
      </button>
    </form>
  );
}
