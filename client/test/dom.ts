/** Provides a page for rendering, and React's `act`. Import this module before React. */
import { Window } from "happy-dom";
import type { ReactElement } from "react";
import type { Root } from "react-dom/client";

const window = new Window({ url: "https://app.example" });
// Only these globals are set, because the client must use Node's own timers and promises.
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });

const { act, createElement, StrictMode } = await import("react");
const { createRoot, hydrateRoot } = await import("react-dom/client");

export { act, createElement, StrictMode };

export interface Page {
  readonly container: HTMLElement;
  readonly text: string;
  render(element: ReactElement): Promise<void>;
}

export async function render(element: ReactElement): Promise<Page> {
  const container = document.createElement("div");
  const page = pageOf(container, createRoot(container));
  await page.render(element);
  return page;
}

/** Hydrates a page. Fails if the browser's output differs from the server's output. */
export async function hydrate(html: string, element: ReactElement): Promise<Page> {
  const container = document.createElement("div");
  container.innerHTML = html;
  const errors: unknown[] = [];
  const onRecoverableError = (error: unknown): void => void errors.push(error);
  const root = await act(async () => hydrateRoot(container, element, { onRecoverableError }));
  if (errors.length > 0) throw errors[0];
  return pageOf(container, root);
}

const pageOf = (container: HTMLElement, root: Root): Page => ({
  container,
  get text() {
    return container.textContent;
  },
  render: (element) => act(async () => root.render(element)),
});
