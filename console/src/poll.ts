import { useEffect, useInsertionEffect, useRef } from "react";

/** A task that resolves with the time in ms until its next run, and never rejects. */
type Task = (signal: AbortSignal) => Promise<number>;

/**
 * Runs a task now and then again and again, while the page is visible. Returns a function that ends
 * this, and aborts the running task.
 */
export function poll(task: Task): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;

  const run = async (): Promise<void> => {
    timer = undefined;
    if (isRunning || document.hidden || signal.aborted) return;
    isRunning = true;
    const waitMs = await task(signal);
    isRunning = false;
    if (!signal.aborted) timer = setTimeout(run, waitMs);
  };
  const onVisibility = (): void => {
    if (timer === undefined) void run();
  };
  document.addEventListener("visibilitychange", onVisibility, { signal });
  void run();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}

/** Polls while the component is mounted and `isPaused` is false. Starts again if a key changes. */
export function usePoll(task: Task, isPaused: boolean, ...keys: unknown[]): void {
  const newest = useRef(task);
  useInsertionEffect(() => {
    newest.current = task;
  });
  useEffect(
    () => (isPaused ? undefined : poll((signal) => newest.current(signal))),
    [isPaused, ...keys],
  );
}
