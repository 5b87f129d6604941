import { StrictMode, type FunctionComponent } from "react";
import { hydrateRoot } from "react-dom/client";
import type { Client } from "roomcast";
import { client } from "./client.ts";
import "./style/index.css";

/** Hydrates a page that was rendered at build time. */
export function hydrate(Page: FunctionComponent<{ client: Client }>): void {
  hydrateRoot(
    document.getElementById("root")!,
    <StrictMode>
      <Page client={client} />
    </StrictMode>,
  );
}
