import { DatasetReadError } from './errors.ts'

/** Browsers have no files by path, but addresses relative to the page. */
export async function readFileBytes(
  path: string | URL,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const response = await fetch(path, signal ? { signal } : {})
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  throw new DatasetReadError({
    file: String(path),
    problem: `the server answers ${response.status} ${response.statusText}`.trim(),
    advice: 'Check the address.',
  })
}
