/** Files of weights, kept by the browser from one visit to the next. */
import type { Progress } from '@guided-diffusion/checkpoints'
import { openShelf, shelfAddress } from '../weight-shelf.ts'
import { DownloadError } from './errors.ts'

export interface FetchOptions {
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/**
 * The file at an address: from the browser's cache, else from the network and then kept. It goes to the cache as it
 * comes and is read from there, piece by piece; only where there is no room for that is it in memory, for this visit.
 *
 * @throws DownloadError
 */
export async function weightFile(address: string, options: FetchOptions): Promise<Blob> {
  const shelf = await openShelf()
  const kept = await shelf?.match(address)
  if (kept) return kept.blob()
  const response = await request(address, options.signal)
  const total = Number(response.headers.get('content-length') ?? 0)
  if (!shelf || !(await hasRoom(total))) return inMemory(address, response, options)
  try {
    await shelf.put(address, arrived(address, response, options))
  } catch (error) {
    if ((error as Error).name !== 'QuotaExceededError') throw failure(address, error, options.signal)
    return inMemory(address, await request(address, options.signal), options)
  }
  const file = await (await shelf.match(address))?.blob()
  return file ?? inMemory(address, await request(address, options.signal), options)
}

async function inMemory(address: string, response: Response, options: FetchOptions): Promise<Blob> {
  try {
    return await arrived(address, response, options).blob()
  } catch (error) {
    throw failure(address, error, options.signal)
  }
}

/** Whether the browser has room for so many bytes; where it does not say, it is tried. */
async function hasRoom(bytes: number): Promise<boolean> {
  const { quota = Number.POSITIVE_INFINITY, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  return bytes <= quota - usage
}

/** A response whose bytes are counted while they pass, at most every 50 ms and at the end. */
function arrived(address: string, response: Response, { signal, onProgress }: FetchOptions): Response {
  // of a file that is compressed on its way the length is not the file's
  const size = response.headers.has('content-encoding') ? null : response.headers.get('content-length')
  const total = Number(size ?? 0)
  let loaded = 0
  let told = 0
  const reader = response.body?.getReader()
  const counted = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = (await reader?.read()) ?? { done: true as const }
        loaded += value?.byteLength ?? 0
        const now = performance.now()
        if (done || now - told > 50) {
          told = now
          onProgress({ loaded, total })
        }
        if (done) controller.close()
        else controller.enqueue(value)
      } catch (error) {
        controller.error(failure(address, error, signal))
      }
    },
    cancel: (reason) => reader?.cancel(reason),
  })
  return new Response(counted, { headers: size === null ? {} : { 'Content-Length': size } })
}

/** What a download that broke off is to be told as. */
function failure(address: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof DownloadError) return error
  return new DownloadError({
    address,
    reason: 'the connection broke off before its end',
    advice: 'Try again; or download the file yourself and drop it on the page.',
    cause: error,
  })
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

/** A file that was dropped on the page. */
export async function droppedFile(name: string): Promise<Blob | undefined> {
  const shelf = await openShelf()
  return (await shelf?.match(shelfAddress(name)))?.blob()
}
