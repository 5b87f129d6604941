/** Reads a stream. Resolves with its bytes, or with `null` if it has more than `bytesMax`. */
export async function readStream(stream, bytesMax) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}
