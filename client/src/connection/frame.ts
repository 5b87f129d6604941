import type { ConnectedFrame, ConnectionServerFrame } from "../protocol.ts";

/**
 * Frames that this client handles. Every frame except `pong` names its room, unless the frame
 * belongs to a multiplexed connection itself.
 */
export type Frame = { readonly room?: string } & (ConnectionServerFrame | UnverifiedFrame);

/**
 * The first frame of a multiplexed connection over HTTP. The client itself creates the frame before
 * its first request, so the token may still be rejected.
 */
interface UnverifiedFrame extends Omit<ConnectedFrame, "user"> {
  readonly unverified: true;
}
