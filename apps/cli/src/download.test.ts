import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/program.ts'
import { download } from './download.ts'
import { DownloadError } from './errors.ts'

const content = Uint8Array.from({ length: 500_000 }, (_, i) => (i * 7919) >> 5)
const sha256 = createHash('sha256').update(content).digest('hex')
const md5 = createHash('md5').update(content).digest('base64')

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  give: (options?: GiveOptions) => void,
  count: number,
) => void

interface GiveOptions {
  /** Cut the connection once so many bytes of this answer are in the part of the file. */
  readonly cut?: { readonly after: number; readonly target: string }
  readonly etag?: string
  readonly headers?: Record<string, string>
  readonly of?: Uint8Array
}

/** A server of one file with ranges and `If-Range`, as good or as bad as `answer` makes it. */
async function serve(answer: Answer = (_request, _response, give) => give()) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.headers.range ?? 'all')
    const give = ({ cut, etag = '"1"', headers = {}, of = content }: GiveOptions = {}) => {
      const same = request.headers['if-range'] === etag
      const from = same ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0
      const part = of.subarray(from)
      const range = { 'content-range': `bytes ${from}-${of.length - 1}/${of.length}` }
      response.writeHead(from > 0 ? 206 : 200, {
        etag,
        'content-length': part.length,
        ...(from > 0 ? range : {}),
        ...headers,
      })
      if (cut === undefined) response.end(part)
      else {
        response.write(part.subarray(0, cut.after))
        void cutOnceStored(response, cut.target, from + cut.after)
      }
    }
    answer(request, response, give, requests.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.pt`, requests }
}

/** Cuts a connection when what it brought is in the file, however slow the machine is. */
async function cutOnceStored(response: ServerResponse, target: string, size: number): Promise<void> {
  const stored = async () => (await stat(`${target}.part`).catch(() => undefined))?.size ?? 0
  while ((await stored()) < size) await setTimeout(2)
  response.destroy()
}

async function target(): Promise<string> {
  return join(await temporaryFolder(), 'a.pt')
}

const folderOf = async (path: string) => (await readdir(join(path, '..'))).sort()
const quick = { delay: 1 }

async function refusal(promise: Promise<unknown>): Promise<DownloadError> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(DownloadError)
  return error as DownloadError
}

test('a file comes whole, and nothing is left beside it', async () => {
  const { url } = await serve()
  const path = await target()
  const seen: number[] = []
  const done = await download(url, path, {
    sha256,
    onProgress: (loaded, total) => {
      expect(total).toBe(content.length)
      seen.push(loaded)
    },
  })
  expect(done).toEqual({ bytes: content.length, sha256 })
  expect(Buffer.compare(await readFile(path), content)).toBe(0)
  expect(await folderOf(path)).toEqual(['a.pt'])
  expect(seen.at(-1)).toBe(content.length)
})

describe('a connection that is cut', () => {
  test('again and again: each attempt goes on where the last one ended', async () => {
    const path = await target()
    const { url, requests } = await serve((_request, _response, give, count) =>
      give(count < 8 ? { cut: { after: 60_000, target: path } } : {}),
    )
    const retries: string[] = []
    await download(url, path, { ...quick, sha256, onRetry: (reason) => retries.push(reason) })
    expect(Buffer.compare(await readFile(path), content)).toBe(0)
    expect(requests).toEqual(['all', ...[1, 2, 3, 4, 5, 6, 7].map((attempt) => `bytes=${60_000 * attempt}-`)])
    expect(retries).toHaveLength(7)
  })

  test('for good: what has arrived is kept, and another call goes on from there', async () => {
    let broken = true
    const path = await target()
    const { url, requests } = await serve((_request, response, give, count) => {
      if (count === 1) give({ cut: { after: 100_000, target: path } })
      else if (broken) response.destroy()
      else give()
    })
    const error = await refusal(download(url, path, { ...quick, attempts: 3 }))
    expect(error.temporary).toBe(true)
    expect(error.message).toMatch(/^http:\S+ cannot be downloaded: the connection failed \(.+\)\.$/)
    expect(requests).toHaveLength(4)
    expect(await folderOf(path)).toEqual(['a.pt.part', 'a.pt.part.json'])
    broken = false
    await download(url, path, { sha256 })
    expect(requests.at(-1)).toBe('bytes=100000-')
    expect(Buffer.compare(await readFile(path), content)).toBe(0)
  })

  test('on a server without ranges: from the beginning', async () => {
    const path = await target()
    const { url, requests } = await serve((_request, response, _give, count) => {
      response.writeHead(200, { 'content-length': content.length })
      if (count > 1) return response.end(content)
      response.write(content.subarray(0, 1000))
      void cutOnceStored(response, path, 1000)
    })
    await download(url, path, { ...quick, sha256 })
    expect(requests).toEqual(['all', 'all'])
  })

  test('and the file has changed since: from the beginning, never a mixture', async () => {
    const newer = content.map((byte) => byte ^ 255)
    const path = await target()
    const { url, requests } = await serve((_request, _response, give, count) =>
      give(count === 1 ? { cut: { after: 100_000, target: path } } : { etag: '"2"', of: newer }),
    )
    await download(url, path, quick)
    expect(requests).toEqual(['all', 'bytes=100000-'])
    expect(Buffer.compare(await readFile(path), newer)).toBe(0)
  })

  test('a connection on which nothing comes counts as cut', async () => {
    const { url, requests } = await serve((_request, response, give, count) => {
      if (count > 1) return give()
      response
        .writeHead(200, { 'content-length': content.length, etag: '"1"' })
        .write(content.subarray(0, 10))
    })
    const path = await target()
    await download(url, path, { ...quick, patience: 2000, sha256 })
    expect(requests).toEqual(['all', 'bytes=10-'])
  })
})

describe('what is not the file', () => {
  test.each([
    [404, 1],
    [403, 1],
    [503, 3],
    [429, 3],
  ])('status %i is tried %i times', async (status, times) => {
    const { url, requests } = await serve((_request, response) => {
      response.writeHead(status).end('no')
    })
    const error = await refusal(download(url, await target(), { ...quick, attempts: 3 }))
    expect(error.reason).toMatch(new RegExp(`^the server answered ${status} `))
    expect(requests).toHaveLength(times)
  })

  test('a wrong SHA-256, a wrong MD5 of the server: nothing is left', async () => {
    const { url } = await serve((_request, _response, give) => give({ headers: { 'content-md5': md5 } }))
    const path = await target()
    const error = await refusal(download(url, path, { sha256: 'ab'.repeat(32) }))
    expect(error.reason).toBe(`its SHA-256 is ${sha256}, expected ${'ab'.repeat(32)}`)
    expect(await folderOf(path)).toEqual([])
    const wrong = content.slice()
    wrong[400_000]! ^= 1
    const damaged = await serve((_request, _response, give) =>
      give({ of: wrong, headers: { 'content-md5': md5 } }),
    )
    const other = await refusal(download(damaged.url, path))
    expect(other.reason).toMatch(/^its MD5 is \S+, the server says /)
    expect(await folderOf(path)).toEqual([])
    await download(url, path, { sha256: sha256.toUpperCase() })
  })

  test('the MD5 that Azure tells beside a part', async () => {
    const headers = { 'x-ms-blob-content-md5': createHash('md5').update('other').digest('base64') }
    const path = await target()
    const { url, requests } = await serve((_request, _response, give, count) =>
      give({ ...(count === 1 ? { cut: { after: 1000, target: path } } : {}), headers }),
    )
    expect((await refusal(download(url, path, quick))).reason).toMatch(/^its MD5 is/)
    expect(requests).toEqual(['all', 'bytes=1000-'])
  })

  test('what a check throws', async () => {
    const { url } = await serve()
    const path = await target()
    const check = async () => {
      throw new Error('not a model')
    }
    await expect(download(url, path, { check })).rejects.toThrow('not a model')
    expect(await folderOf(path)).toEqual([])
  })

  test('bytes beyond the announced length', async () => {
    const path = await target()
    const { url } = await serve((_request, _response, give, count) =>
      give(
        count === 1
          ? { cut: { after: 1000, target: path } }
          : { headers: { 'content-range': 'bytes 1000-1999/2000' } },
      ),
    )
    expect((await refusal(download(url, path, quick))).reason).toBe('more than the announced 2000 bytes came')
  })

  test('a part that another address began is not gone on with', async () => {
    const { url, requests } = await serve()
    const path = await target()
    await writeFile(`${path}.part`, 'x'.repeat(1000))
    await writeFile(`${path}.part.json`, JSON.stringify({ url: 'http://elsewhere/a.pt', validator: '"1"' }))
    await download(url, path, { sha256 })
    expect(requests).toEqual(['all'])
  })
})

test('abort keeps what has arrived', async () => {
  const { url } = await serve((_request, response) => {
    response
      .writeHead(200, { 'content-length': content.length, etag: '"1"' })
      .write(content.subarray(0, 5000))
  })
  const path = await target()
  const controller = new AbortController()
  const loading = download(url, path, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await expect(loading).rejects.toThrow('enough')
  expect(await folderOf(path)).toEqual(['a.pt.part', 'a.pt.part.json'])
})
