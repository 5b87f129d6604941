import { useState } from "react";
import { counted } from "../format.ts";

/** Number of levels that are open at first. */
const OPEN_LEVELS = 2;
/** Number of entries of an object or a list that are shown. */
const MAX_ENTRIES = 200;

/** Shows a JSON value. Objects and lists can be closed, and closed ones are not rendered. */
export function JsonTree({ value }: { value: unknown }) {
  return (
    <div className="json">
      <Node value={value} level={0} />
    </div>
  );
}

function Node({ name, value, level }: { name?: string; value: unknown; level: number }) {
  const label = name !== undefined && <span className="name">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div>
        {label}
        <span data-type={value === null ? "null" : typeof value}>{JSON.stringify(value)}</span>
      </div>
    );
  }
  return <Branch label={label} value={value} level={level} />;
}

function Branch({ label, value, level }: { label: React.ReactNode; value: object; level: number }) {
  const [isOpen, setOpen] = useState(level < OPEN_LEVELS);
  const entries = Object.entries(value);
  const size = Array.isArray(value)
    ? `[ ${counted(entries.length, "value")} ]`
    : `{ ${counted(entries.length, "member")} }`;
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        {label}
        <span className="size">{size}</span>
      </summary>
      {isOpen &&
        entries
          .slice(0, MAX_ENTRIES)
          .map(([name, child]) => <Node key={name} name={name} value={child} level={level + 1} />)}
      {isOpen && entries.length > MAX_ENTRIES && (
        <div className="size">… {counted(entries.length - MAX_ENTRIES, "more value")}</div>
      )}
    </details>
  );
}
