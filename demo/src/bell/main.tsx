import { hydrate } from "../hydrate.tsx";
import { NotificationsPage } from "./NotificationsPage.tsx";

hydrate(NotificationsPage);
