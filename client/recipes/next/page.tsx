import { createBackend } from "roomcast/server";
import { Board, type BoardSnapshot } from "./board.tsx";
import { Providers } from "./providers.tsx";

export const dynamic = "force-dynamic";

/** Longest wait for the snapshot. After that, the page is rendered without it. */
const SNAPSHOT_MS = 1_000;

async function readSnapshot(): Promise<BoardSnapshot | undefined> {
  // The variables are read in this function, when the page is served, not when the page is built.
  const backend = createBackend({
    url: process.env.ROOMCAST_URL!,
    token: process.env.ROOMCAST_TOKEN!,
    timeoutMs: SNAPSHOT_MS,
  });
  try {
    return (await backend.state("shipments:all")) as BoardSnapshot;
  } catch (error) {
    console.error("no snapshot", error);
    return undefined;
  }
}

export default async function Page() {
  const snapshot = await readSnapshot();
  return (
    <Providers>
      <Board snapshot={snapshot} />
    </Providers>
  );
}
