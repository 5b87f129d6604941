/** Events of a chat room. They are stored. */
export type ChatEvents = {
  message: { text: string };
};

/** Signals of a chat room. They are not stored. */
export type ChatSignals = {
  typing: null;
};
