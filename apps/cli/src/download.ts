import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { DownloadError } from './errors.ts'

export interface DownloadOptions {
  /** SHA-256 of the whole file, in hex, where it is known. */
  readonly sha256?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that are here, and that there are where the server tells. */
  readonly onProgress?: (loaded: number, total: number | undefined) => void
  /** Called before another attempt. */
  readonly onRetry?: (reason: string) => void
  /** Attempts in a row that may bring nothing. @default 5 */
  readonly attempts?: number
  /** Milliseconds before the second attempt, twice as many before each further one. @default 1000 */
  readonly delay?: number
  /** Milliseconds without a byte after which a connection counts as broken. @default 60,000 */
  readonly patience?: number
  /** Looks at the whole file before it gets its name; throws when it is not what was wanted. */
  readonly check?: (path: string) => Promise<void>
}

/** What is known of a file that is on its way; kept beside its part, so that another run can go on. */
interface Version {
  readonly url: string
  /** `ETag`, else `Last-Modified`: what `If-Range` compares. */
  readonly validator?: string
  readonly length?: number
  /** MD5 of the whole file in base64, where the server tells. */
  readonly md5?: string
}

/**
 * Downloads a file to `target`. What has arrived is in `target.part`; a later call goes on from there by a range
 * request, if the file on the server is still the same. Length and digests are compared before the file gets its name,
 * so `target` is either all of it or not there.
 *
 * One process at a time: see `withLock`.
 *
 * @throws DownloadError, the signal's reason
 */
export async function download(
  url: string,
  target: string,
  options: DownloadOptions = {},
): Promise<{ bytes: number; sha256: string }> {
  const { attempts = 5, delay = 1000, signal } = options
  const part = `${target}.part`
  let left = attempts
  for (;;) {
    const before = await sizeOf(part)
    try {
      await fetchRest(url, part, options)
      break
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof DownloadError) || !error.temporary) throw error
      left = (await sizeOf(part)) > before ? attempts : left - 1
      if (left <= 0) throw error
      options.onRetry?.(error.reason)
      await wait(delay * 2 ** (attempts - 1 - left), undefined, { signal }).catch(() =>
        signal?.throwIfAborted(),
      )
    }
  }
  try {
    const sha256 = await verify(url, part, options)
    await options.check?.(part)
    const bytes = await sizeOf(part)
    await rename(part, target)
    await rm(`${part}.json`, { force: true })
    return { bytes, sha256 }
  } catch (error) {
    // a whole file that is wrong is no beginning of the right one
    await Promise.all([part, `${part}.json`].map((path) => rm(path, { force: true })))
    throw error
  }
}

/** One request for all that is not here yet. */
async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<void> {
  const known = await readVersion(part, url)
  const have = known ? await sizeOf(part) : 0
  if (known?.length !== undefined && have === known.length) return
  const { guard, signal } = idleGuard(options)
  try {
    const response = await request(url, rangeHeaders(have, known), signal)
    if (response.status === 416 && have > 0) {
      await response.body?.cancel()
      await rm(part, { force: true })
      throw new DownloadError({ url, reason: 'the server has less of it than is here', temporary: true })
    }
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel()
      const temporary = response.status === 429 || response.status >= 500
      const reason = `the server answered ${response.status} ${response.statusText}`.trim()
      throw new DownloadError({ url, reason, temporary })
    }
    const start = response.status === 206 ? startOf(response) : 0
    if (start !== have && start !== 0) {
      await response.body?.cancel()
      throw new DownloadError({ url, reason: `the server sent bytes from ${start} on, not from ${have}` })
    }
    const version = versionOf(url, response)
    await writeFile(`${part}.json`, JSON.stringify(version))
    const file = await open(part, start === 0 ? 'w' : 'r+')
    try {
      await writeBody(response, file, { url, start, version, guard, options })
    } finally {
      await file.close()
    }
  } finally {
    guard.stop()
  }
}

async function writeBody(
  response: Response,
  file: FileHandle,
  facts: {
    url: string
    start: number
    version: Version
    guard: { fed(): void }
    options: DownloadOptions
  },
): Promise<void> {
  const { url, start, version, guard, options } = facts
  let at = start
  try {
    for await (const chunk of response.body ?? []) {
      guard.fed()
      options.signal?.throwIfAborted()
      if (version.length !== undefined && at + chunk.length > version.length) {
        throw new DownloadError({ url, reason: `more than the announced ${version.length} bytes came` })
      }
      await file.write(chunk, 0, chunk.length, at)
      at += chunk.length
      options.onProgress?.(at, version.length)
    }
    await file.sync()
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (cause instanceof DownloadError) throw cause
    if (isDiskError(cause)) throw new DownloadError({ url, reason: diskReason(cause), cause })
    throw new DownloadError({
      url,
      reason: `the connection broke (${reasonOf(cause)})`,
      temporary: true,
      cause,
    })
  }
  if (version.length !== undefined && at < version.length) {
    const reason = `the connection ended after ${at} of ${version.length} bytes`
    throw new DownloadError({ url, reason, temporary: true })
  }
}

/** Length, MD5 where the server told it, SHA-256 where it is known; returns the SHA-256. */
async function verify(url: string, part: string, { sha256, signal }: DownloadOptions): Promise<string> {
  const version = await readVersion(part, url)
  const [md5, sha] = [createHash('md5'), createHash('sha256')]
  for await (const chunk of createReadStream(part, { highWaterMark: 2 ** 20 })) {
    signal?.throwIfAborted()
    md5.update(chunk as Uint8Array)
    sha.update(chunk as Uint8Array)
  }
  const found = sha.digest('hex')
  if (sha256 !== undefined && sha256.toLowerCase() !== found) {
    throw new DownloadError({ url, reason: `its SHA-256 is ${found}, expected ${sha256.toLowerCase()}` })
  }
  const digest = md5.digest('base64')
  if (version?.md5 !== undefined && version.md5 !== digest) {
    throw new DownloadError({ url, reason: `its MD5 is ${digest}, the server says ${version.md5}` })
  }
  return found
}

async function request(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, signal })
  } catch (cause) {
    throw new DownloadError({
      url,
      reason: `the connection failed (${reasonOf(cause)})`,
      temporary: true,
      cause,
    })
  }
}

function rangeHeaders(have: number, known: Version | undefined): Record<string, string> {
  const whole = { 'accept-encoding': 'identity' }
  if (have === 0 || known?.validator === undefined) return whole
  return { ...whole, range: `bytes=${have}-`, 'if-range': known.validator }
}

function startOf(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN)
}

function versionOf(url: string, { headers, status }: Response): Version {
  const ranged = /^bytes \d+-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1]
  const plain = headers.has('content-encoding') ? null : headers.get('content-length')
  const length = status === 206 ? ranged : plain
  const etag = headers.get('etag')
  const validator = etag && !etag.startsWith('W/') ? etag : headers.get('last-modified')
  // Azure tells the digest of the whole file under its own name when it sends a part
  const md5 = headers.get('x-ms-blob-content-md5') ?? (status === 200 ? headers.get('content-md5') : null)
  return {
    url,
    ...(validator ? { validator } : {}),
    ...(length && /^\d+$/.test(length) ? { length: Number(length) } : {}),
    ...(md5 ? { md5 } : {}),
  }
}

async function readVersion(part: string, url: string): Promise<Version | undefined> {
  try {
    const version = JSON.parse(await readFile(`${part}.json`, 'utf8')) as Version
    return version.url === url ? version : undefined
  } catch {
    return undefined
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

/** A signal that also ends when nothing has come for a while. */
function idleGuard({ signal, patience = 60_000 }: DownloadOptions) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('nothing came for a while')), patience)
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    guard: { fed: () => void timer.refresh(), stop: () => clearTimeout(timer) },
  }
}

function isDiskError(cause: unknown): cause is NodeJS.ErrnoException {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EFBIG'
}

function diskReason({ code, message }: NodeJS.ErrnoException): string {
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : message
}

function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message : String(inner)
}
