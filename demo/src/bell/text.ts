/** Texts of a notification. */
import type { Delay } from "../../shared/notifications.ts";
import { duration } from "../time.ts";

export const titleOf = ({ shipment }: Delay): string => `${shipment} is delayed`;

export const textOf = ({ cargo, from, to, minutesLeft }: Delay): string =>
  `${cargo} from ${from} to ${to}, arrives in ${duration(minutesLeft)}`;
