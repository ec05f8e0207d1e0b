/** Files of weights, kept by the browser from one visit to the next. */
import type { Progress } from '@guided-diffusion/checkpoints'
import { openShelf, shelfAddress } from '../weight-shelf.ts'
import { DownloadError } from './errors.ts'

export interface FetchOptions {
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/**
 * The file at an address: from the browser's cache, else from the network and then kept. Its bytes stay on disk until they
 * are read, where the browser does that.
 *
 * @throws DownloadError
 */
export async function weightFile(address: string, { signal, onProgress }: FetchOptions): Promise<Blob> {
  const shelf = await openShelf()
  const kept = await shelf?.match(address)
  if (kept) return kept.blob()
  const response = await request(address, signal)
  const total = Number(response.headers.get('content-length') ?? 0)
  let loaded = 0
  const counted = response.body?.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        loaded += chunk.byteLength
        onProgress({ loaded, total })
        controller.enqueue(chunk)
      },
    }),
  )
  const file = await new Response(counted ?? null).blob()
  signal.throwIfAborted()
  await keep(shelf, address, file)
  return file
}

async function request(address: string, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(address, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    throw new DownloadError({
      address,
      reason: 'the server does not answer, or does not permit other pages to read it (CORS)',
      advice: 'Check the connection and the address; or download the file yourself and drop it on the page.',
      cause,
    })
  }
  if (response.ok) return response
  throw new DownloadError({
    address,
    reason: `the server answers ${response.status} ${response.statusText}`.trim(),
    advice: 'Check the address; it must lead to the file itself.',
  })
}

/** Keeps a file. Where the browser has no room for it the next visit fetches it again. */
async function keep(shelf: Cache | undefined, address: string, file: Blob): Promise<void> {
  try {
    await shelf?.put(address, new Response(file, { headers: { 'Content-Length': String(file.size) } }))
  } catch (error) {
    if ((error as Error).name !== 'QuotaExceededError') throw error
  }
}

/** A file that was dropped on the page. */
export async function droppedFile(name: string): Promise<Blob | undefined> {
  const shelf = await openShelf()
  return (await shelf?.match(shelfAddress(name)))?.blob()
}
