import { renderToString } from "react-dom/server";
import { createClient } from "roomcast";
import { App } from "./App.tsx";

/** The board before anything is connected. */
export const render = (): string =>
  renderToString(<App client={createClient({ url: "http://localhost" })} />);
