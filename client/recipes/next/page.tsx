import { createBackend } from "roomcast/server";
import { Board, type BoardSnapshot } from "./board.tsx";
import { Providers } from "./providers.tsx";

export const dynamic = "force-dynamic";

const backend = createBackend({
  url: process.env.ROOMCAST_URL!,
  token: process.env.ROOMCAST_TOKEN!,
});

export default async function Page() {
  const snapshot = (await backend.state("shipments:all")) as BoardSnapshot;
  return (
    <Providers>
      <Board snapshot={snapshot} />
    </Providers>
  );
}
