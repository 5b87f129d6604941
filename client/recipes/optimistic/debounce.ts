import type { Room } from "roomcast";

/**
 * Publishes the newest value of a key when the value hasn't changed for `waitMs`. Use it for sliders
 * and text fields.
 */
export function debouncedPublish<Events extends object, Name extends keyof Events & string>(
  room: Room<Events>,
  name: Name,
  waitMs: number,
) {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  return (key: string, data: Events[Name]): void => {
    clearTimeout(timers.get(key));
    const publish = (): void => {
      timers.delete(key);
      room.publish(name, data, { key }).catch((error) => console.error("not saved", key, error));
    };
    timers.set(key, setTimeout(publish, waitMs));
  };
}
