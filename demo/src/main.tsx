import { StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { client } from "./client.ts";
import "./style.css";

hydrateRoot(
  document.getElementById("root")!,
  <StrictMode>
    <App client={client} />
  </StrictMode>,
);
