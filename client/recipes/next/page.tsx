import { createBackend } from "roomcast/server";
import { Board, type BoardSnapshot } from "./board.tsx";
import { Providers } from "./providers.tsx";

export const dynamic = "force-dynamic";

/** The page is not kept waiting for longer: the board fills itself, too, when the browser is connected. */
const SNAPSHOT_MS = 1_000;

async function readSnapshot(): Promise<BoardSnapshot | undefined> {
  // Made here, so that the settings are read where the page is served, and not where it is built.
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
