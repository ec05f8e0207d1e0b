/** Files of weights, kept by the browser from one visit to the next. */
import type { Progress } from '@guided-diffusion/checkpoints'
import { openShelf, shelfAddress, takeFromShelf } from '../weight-shelf.ts'
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
  const kept = await keptFile(address)
  if (kept) return kept
  const shelf = await openShelf()
  const response = await request(address, options.signal)
  const total = Number(response.headers.get('content-length') ?? 0)
  if (!shelf || !(await hasRoom(total))) return inMemory(address, response, options)
  const download = arrived(address, response, options)
  try {
    await shelf.put(address, download.response)
  } catch {
    if (download.failure()) throw download.failure()
    // there was no room, or the browser denies it otherwise
  }
  return (await keptFile(address)) ?? inMemory(address, await request(address, options.signal), options)
}

/** Forgets the file at an address, so that it is fetched anew. */
export const forgetWeightFile: (address: string) => Promise<void> = takeFromShelf

/** A file that was dropped on the page. */
export function droppedFile(name: string): Promise<Blob | undefined> {
  return keptFile(shelfAddress(name))
}

/** Undefined where the browser has none, or does not give it. */
async function keptFile(address: string): Promise<Blob | undefined> {
  try {
    return await (await (await openShelf())?.match(address))?.blob()
  } catch {
    return undefined
  }
}

async function inMemory(address: string, response: Response, options: FetchOptions): Promise<Blob> {
  try {
    return await arrived(address, response, options).response.blob()
  } catch (error) {
    throw failure(address, error, options.signal)
  }
}

/** Whether the browser has room for so many bytes; where it does not say, it is tried. */
async function hasRoom(bytes: number): Promise<boolean> {
  try {
    const { quota = Number.POSITIVE_INFINITY, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
    return bytes <= quota - usage
  } catch {
    return true
  }
}

interface Download {
  readonly response: Response
  /** Why it broke off, if it did: whoever takes the bytes may be told otherwise. */
  readonly failure: () => unknown
}

/** A response whose bytes are counted while they pass, at most every 50 ms and at the end. */
function arrived(address: string, response: Response, { signal, onProgress }: FetchOptions): Download {
  // of a file that is compressed on its way the length is not the file's
  const size = response.headers.has('content-encoding') ? null : response.headers.get('content-length')
  const total = Number(size ?? 0)
  let loaded = 0
  let told = 0
  let broken: unknown
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
        broken = failure(address, error, signal)
        controller.error(broken)
      }
    },
    cancel: (reason) => reader?.cancel(reason),
  })
  return {
    response: new Response(counted, { headers: size === null ? {} : { 'Content-Length': size } }),
    failure: () => broken,
  }
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
    // what the browser has of it besides is asked after: it may be the answer that turned out to be no weights
    response = await fetch(address, { signal, cache: 'no-cache' })
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
