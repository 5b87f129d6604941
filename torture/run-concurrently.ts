/**
 * Calls `act` with each number from 0 to `times` - 1. At most `limit` calls run at the same time.
 */
export async function runConcurrently(
  times: number,
  limit: number,
  act: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: limit }, work));
}
