"use client";

import type { ReactNode } from "react";
import { createClient } from "roomcast";
import { RoomcastProvider } from "roomcast/react";

// The client is also created during server rendering, where it opens no connection.
const client = createClient({
  url: process.env.NEXT_PUBLIC_ROOMCAST_URL!,
  async token(signal) {
    const response = await fetch("/api/token", { signal });
    if (response.status === 401) return null; // signed out
    if (!response.ok) throw new Error(`/api/token answers ${response.status}`);
    return response.text();
  },
});

export function Providers({ children }: { children: ReactNode }) {
  return <RoomcastProvider client={client}>{children}</RoomcastProvider>;
}
