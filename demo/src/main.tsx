import { App } from "./App.tsx";
import { hydrate } from "./hydrate.tsx";

hydrate(App);
