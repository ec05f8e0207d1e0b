import { SourceError, TooLargeError, TruncatedFileError } from './errors.ts'
import { allocate, bytesSource, checkRange, type Source, type SourceOptions } from './source.ts'

/** Reads below this size come out of blocks of this size, so that a directory does not cost a request per entry. */
const blockBytes = 256 * 2 ** 10
const keptBlocks = 8
const attempts = 3
const defaultMaxWholeDownload = 2 ** 30
/** Memory for a file whose length is not told, until it shows to be longer. */
const firstGuess = 2 ** 20

/** A file on a web server, read by HTTP ranges. */
export async function openHttp(address: URL, options: SourceOptions): Promise<Source> {
  const request = options.fetch ?? globalThis.fetch
  const name = nameOf(address)
  const first = await send(request, address, name, rangeHeaders(0, blockBytes), options.signal)
  if (first.status === 416) {
    await first.body?.cancel()
    return bytesSource(new Uint8Array(0), name)
  }
  if (first.status === 200) return bytesSource(await wholeBody(first, name, options), name)
  if (first.status !== 206) {
    await first.body?.cancel()
    throw statusError(name, first)
  }
  const size = totalOf(first) ?? (await sizeByHead(request, address, name, options.signal))
  const version = versionOf(first)
  const head = await bodyOfLength(first, name, Math.min(blockBytes, size), options.signal)
  const blocks = new Map<number, Promise<Uint8Array>>([[0, Promise.resolve(head)]])

  const fetchRange = async (start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await send(request, address, name, rangeHeaders(start, end), signal)
        if (response.status !== 206 || changed(version, versionOf(response), size, totalOf(response))) {
          await response.body?.cancel()
          throw response.ok ? changedError(name) : statusError(name, response)
        }
        return await bodyOfLength(response, name, end - start, signal)
      } catch (error) {
        signal?.throwIfAborted()
        if (attempt === attempts || !isTemporary(error)) throw error
      }
    }
  }

  const block = (index: number): Promise<Uint8Array> => {
    const start = index * blockBytes
    const kept = blocks.get(index) ?? fetchRange(start, Math.min(start + blockBytes, size))
    blocks.delete(index)
    blocks.set(index, kept)
    for (const oldest of blocks.keys()) {
      if (blocks.size <= keptBlocks) break
      blocks.delete(oldest)
    }
    kept.catch(() => blocks.delete(index))
    return kept
  }

  let closed = false
  return {
    name,
    size,
    async read(start, end, signal) {
      signal?.throwIfAborted()
      checkRange({ name, size }, start, end)
      if (closed) throw closedError(name)
      if (start === end) return new Uint8Array(0)
      if (end - start >= blockBytes) return fetchRange(start, end, signal)
      const from = Math.floor(start / blockBytes)
      const to = Math.floor((end - 1) / blockBytes)
      const bytes = new Uint8Array(end - start)
      for (let index = from; index <= to; index++) {
        const content = await block(index)
        signal?.throwIfAborted()
        const offset = index * blockBytes
        const part = content.subarray(Math.max(start - offset, 0), end - offset)
        bytes.set(part, Math.max(offset - start, 0))
      }
      return bytes
    },
    async close() {
      closed = true
      blocks.clear()
    },
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof TruncatedFileError || (error instanceof SourceError && error.temporary)
}

/** An address without the secrets that its query or user part may hold. */
function nameOf(address: URL): string {
  if (address.protocol === 'data:') return 'data: address'
  return address.protocol === 'blob:' ? address.href : `${address.origin}${address.pathname}`
}

function rangeHeaders(start: number, end: number): Record<string, string> {
  // Compressed bodies have no ranges of the file's own bytes. A page may not set this header, and need not.
  return { range: `bytes=${start}-${end - 1}`, 'accept-encoding': 'identity' }
}

async function send(
  request: typeof fetch,
  address: URL,
  source: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
  method = 'GET',
): Promise<Response> {
  try {
    return await request(address, { method, headers, ...(signal && { signal }) })
  } catch (cause) {
    signal?.throwIfAborted()
    throw networkError(source, cause)
  }
}

async function sizeByHead(
  request: typeof fetch,
  address: URL,
  source: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  // A server of another origin hides Content-Range unless it exposes the header; Content-Length it always shows.
  const response = await send(request, address, source, { 'accept-encoding': 'identity' }, signal, 'HEAD')
  const size = countOf(response.headers.get('content-length'))
  if (response.ok && size !== undefined) return size
  throw new SourceError({
    source,
    reason: 'the server does not tell how long the file is',
    advice: 'Let the server send Content-Length, or expose Content-Range (Access-Control-Expose-Headers).',
  })
}

function totalOf(response: Response): number | undefined {
  return countOf(/^bytes \d+-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1])
}

function countOf(text: string | null | undefined): number | undefined {
  const count = text && /^\d+$/.test(text) ? Number(text) : undefined
  return Number.isSafeInteger(count) ? count : undefined
}

function versionOf(response: Response): string | null {
  return response.headers.get('etag') ?? response.headers.get('last-modified')
}

function changed(before: string | null, now: string | null, size: number, total = size): boolean {
  return total !== size || (before !== null && now !== null && before !== now)
}

async function bodyOfLength(
  response: Response,
  source: string,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = allocate(source, length)
  let at = 0
  for await (const chunk of chunksOf(response, source, signal)) {
    if (chunk.length > length - at) throw changedError(source)
    bytes.set(chunk, at)
    at += chunk.length
  }
  if (at < length)
    throw new TruncatedFileError({ source, size: at, needed: length, what: 'a requested range' })
  return bytes
}

async function wholeBody(response: Response, source: string, options: SourceOptions): Promise<Uint8Array> {
  const limit = options.maxWholeDownload ?? defaultMaxWholeDownload
  const encoded = response.headers.has('content-encoding')
  const announced = encoded ? undefined : countOf(response.headers.get('content-length'))
  const tooLarge = (bytes: number) =>
    new TooLargeError({
      source,
      what: 'the server cannot send ranges, and the whole file',
      bytes,
      limit,
      advice: 'Download the file first and open it from disk, or raise maxWholeDownload.',
    })
  if (announced !== undefined && announced > limit) {
    await response.body?.cancel()
    throw tooLarge(announced)
  }
  // With a length that is told there is one copy of the file in memory, else two for a moment.
  let bytes = allocate(source, announced ?? firstGuess)
  let loaded = 0
  for await (const chunk of chunksOf(response, source, options.signal)) {
    const end = loaded + chunk.length
    if (end > limit) throw tooLarge(end)
    if (end > bytes.length) {
      const larger = allocate(source, Math.min(Math.max(2 * bytes.length, end), limit))
      larger.set(bytes.subarray(0, loaded))
      bytes = larger
    }
    bytes.set(chunk, loaded)
    loaded = end
    options.onProgress?.({ loaded, total: Math.max(announced ?? 0, loaded) })
  }
  if (announced !== undefined && loaded < announced) {
    throw new TruncatedFileError({ source, size: loaded, needed: announced, what: 'the announced length' })
  }
  return loaded === bytes.length ? bytes : bytes.slice(0, loaded)
}

async function* chunksOf(
  response: Response,
  source: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  if (!reader) return
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted()
        throw networkError(source, cause)
      })
      if (done) return
      signal?.throwIfAborted()
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function networkError(source: string, cause: unknown): SourceError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return new SourceError({
    temporary: true,
    source,
    reason: `the connection failed (${inner instanceof Error ? inner.message : String(inner)})`,
    advice: 'Check the address and the network, then try again.',
    cause,
  })
}

function statusError(source: string, response: Response): SourceError {
  const busy = response.status === 429 || response.status >= 500
  return new SourceError({
    temporary: busy,
    source,
    reason: `the server answered ${response.status} ${response.statusText}`.trim(),
    advice: busy ? 'Try again later.' : 'Check the address, and whether it needs a login.',
  })
}

function changedError(source: string): SourceError {
  return new SourceError({
    source,
    reason: 'the file changed on the server while it was being read',
    advice: 'Open it again.',
  })
}

function closedError(source: string): SourceError {
  return new SourceError({
    source,
    reason: 'it was closed',
    advice: 'Keep the reader open until the last tensor is read.',
  })
}
