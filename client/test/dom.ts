/** A page to render into, and React's `act` for it. Import it before React. */
import { Window } from "happy-dom";
import type { ReactElement } from "react";
import type { Root } from "react-dom/client";

const window = new Window({ url: "https://app.example" });
// Not the rest of it: the client is to meet Node's own timers and promises.
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

/** Fails if what the server has rendered and what the browser renders are not the same. */
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
