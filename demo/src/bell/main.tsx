import { hydrate } from "../hydrate.tsx";
import { BellPage } from "./BellPage.tsx";

hydrate(BellPage);
