"use client";

import type { ReactNode } from "react";
import { createClient } from "roomcast";
import { RoomcastProvider } from "roomcast/react";

// Also made where the page is rendered on the server, where it connects nothing.
const client = createClient({
  url: process.env.NEXT_PUBLIC_ROOMCAST_URL!,
  token: () => fetch("/api/token").then((response) => response.text()),
});

export function Providers({ children }: { children: ReactNode }) {
  return <RoomcastProvider client={client}>{children}</RoomcastProvider>;
}
