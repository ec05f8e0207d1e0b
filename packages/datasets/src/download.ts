import { DatasetReadError } from './errors.ts'

/**
 * The body that a server sends.
 *
 * @throws {DatasetReadError} when it answers with an error.
 */
export async function download(address: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const response = await fetch(address, signal ? { signal } : {})
  if (response.ok) return new Uint8Array(await response.arrayBuffer())
  throw new DatasetReadError({
    file: address,
    problem: `the server answers ${response.status} ${response.statusText}`.trim(),
    advice: 'Check the address.',
  })
}
