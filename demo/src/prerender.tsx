import { renderToString } from "react-dom/server";
import { createClient } from "roomcast";
import { App } from "./App.tsx";
import { NotificationsPage } from "./bell/NotificationsPage.tsx";

const client = createClient({ url: "http://localhost" });

/** Renders each page without a connection, by path. */
export const pages: Record<string, () => string> = {
  "/index.html": () => renderToString(<App client={client} />),
  "/bell.html": () => renderToString(<NotificationsPage client={client} />),
};
