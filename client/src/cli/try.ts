/** Returns commands that publish an event and subscribe to its room. `token` may be a command. */
export const examples = (url: string, token: string): string => `  TOKEN=${token}
  curl ${url}/rooms/try:1/events -H "Authorization: Bearer $TOKEN" -d '{"name":"message","data":{"text":"hi"}}'
  npx wscat -c ${url.replace(/^http/, "ws")}/rooms/try:1/events -s roomcast.v1 -s "bearer.$TOKEN"`;
