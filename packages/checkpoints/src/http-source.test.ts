import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { serve } from '../fixtures/file-server.ts'
import { failure } from '../fixtures/read.ts'
import { bytesOf } from './dtype.ts'
import { SourceError, TooLargeError, TruncatedFileError } from './errors.ts'
import { openSource } from './open-source.ts'
import { readWeights } from './read-weights.ts'
import { writeSafetensors } from './safetensors-write.ts'
import { float32Tensor } from './weights.ts'

const content = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) >> 5)
const block = 2 ** 18

describe('a server that sends ranges', () => {
  test('small reads come out of blocks, large ones are one request each', async () => {
    const { url, ranges } = await serve(content)
    const source = await openSource(url)
    expect(source.size).toBe(content.length)
    expect(await source.read(10, 20)).toEqual(content.subarray(10, 20))
    expect(await source.read(block - 5, block + 5)).toEqual(content.subarray(block - 5, block + 5))
    expect(await source.read(block + 7, block + 9)).toEqual(content.subarray(block + 7, block + 9))
    expect(Buffer.compare(await source.read(100, 700_000), content.subarray(100, 700_000))).toBe(0)
    expect(await source.read(999_990, 1_000_000)).toEqual(content.subarray(999_990))
    expect(ranges).toEqual([
      `bytes=0-${block - 1}`,
      `bytes=${block}-${2 * block - 1}`,
      'bytes=100-699999',
      'bytes=786432-999999',
    ])
    await source.close()
    expect((await failure(() => source.read(0, 1))).message).toBe(
      `${source.name} cannot be read: it was closed.`,
    )
  })

  test('neither the query nor a password of the address gets into messages', async () => {
    const { url } = await serve(content)
    const source = await openSource(url)
    expect(source.name).toBe(`http://${url.host}/models/w.pt`)
  })

  test('an empty file, and one shorter than a block', async () => {
    const empty = await openSource((await serve(new Uint8Array(0))).url)
    expect(empty.size).toBe(0)
    const short = await openSource((await serve(content.subarray(0, 10))).url)
    expect(await short.read(0, 10)).toEqual(content.subarray(0, 10))
  })

  test('a connection that is cut is tried again, three times in all', async () => {
    const { url, ranges } = await serve(content, (_request, response, send, count) => {
      if (count === 1 || count > 3) return send()
      response.writeHead(206, {
        'content-range': `bytes 0-599999/${content.length}`,
        'content-length': 600_000,
      })
      response.write(content.subarray(0, 1000), () => response.destroy())
    })
    const source = await openSource(url)
    expect(Buffer.compare(await source.read(0, 600_000), content.subarray(0, 600_000))).toBe(0)
    expect(ranges).toHaveLength(4)
    const dead = await serve(content, (_request, response, send, count) => {
      if (count === 1) send()
      else response.destroy()
    })
    const other = await openSource(dead.url)
    const error = (await failure(() => other.read(0, 600_000))) as SourceError
    expect(error).toBeInstanceOf(SourceError)
    expect(error.temporary).toBe(true)
    expect(error.message).toMatch(/w\.pt cannot be read: the connection failed \(/)
    expect(dead.ranges).toHaveLength(4)
  })

  test('a busy server is asked again, a server that refuses is not', async () => {
    for (const [status, requests] of [
      [503, 4],
      [429, 4],
      [404, 2],
      [403, 2],
    ] as const) {
      const { url, ranges } = await serve(content, (_request, response, send, count) => {
        if (count === 1) send()
        else response.writeHead(status).end()
      })
      const error = (await failure(async () => (await openSource(url)).read(0, 600_000))) as SourceError
      expect(error.message).toMatch(new RegExp(`cannot be read: the server answered ${status} `))
      expect(error.temporary).toBe(requests === 4)
      expect(ranges).toHaveLength(requests)
    }
  })

  test('a file that changes while it is read', async () => {
    const { url } = await serve(content, (_request, response, send, count) => {
      response.setHeader('etag', `"${count}"`)
      send()
    })
    const error = await failure(async () => (await openSource(url)).read(0, 600_000))
    expect(error.message).toMatch(/the file changed on the server while it was being read\.$/)
    const larger = await serve(content, (_request, response, send, count) => {
      if (count === 1) return send()
      response.writeHead(206, { 'content-range': 'bytes 0-599999/2000000', 'content-length': 600_000 })
      response.end(content.subarray(0, 600_000))
    })
    expect((await failure(async () => (await openSource(larger.url)).read(0, 600_000))).message).toMatch(
      /changed/,
    )
  })

  test('more bytes than were asked for', async () => {
    const { url } = await serve(content, (_request, response, send, count) => {
      if (count === 1) return send()
      response.writeHead(206, { 'content-range': `bytes 0-599999/${content.length}` })
      response.end(content)
    })
    expect((await failure(async () => (await openSource(url)).read(0, 600_000))).message).toMatch(/changed/)
  })

  test('a length that only HEAD tells, as between origins', async () => {
    const { url, ranges } = await serve(content, (request, response, send) => {
      if (request.method === 'HEAD') return send()
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      const part = content.subarray(Number(from), Number(to) + 1)
      response.writeHead(206, { 'content-length': part.length }).end(part)
    })
    expect((await openSource(url)).size).toBe(content.length)
    expect(ranges).toEqual([`bytes=0-${block - 1}`, 'HEAD'])
    const silent = await serve(content, (_request, response) => {
      response.writeHead(206).end(content.subarray(0, block))
    })
    expect((await failure(() => openSource(silent.url))).message).toMatch(
      /the server does not tell how long the file is\.$/,
    )
  })

  test('abort before, and in the middle of a body', async () => {
    const { url } = await serve(content, (_request, response, send, count) => {
      if (count === 1) return send()
      response.writeHead(206, {
        'content-range': `bytes 0-599999/${content.length}`,
        'content-length': 600_000,
      })
      response.write(content.subarray(0, 1000))
    })
    await expect(openSource(url, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    )
    const source = await openSource(url)
    const controller = new AbortController()
    const reading = source.read(0, 600_000, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 50)
    await expect(reading).rejects.toThrow('enough')
  })
})

describe('a server without ranges', () => {
  const whole = (content: Uint8Array, headers: Record<string, string | number> = {}) =>
    serve(content, (_request, response) => {
      response.writeHead(200, headers).end(content)
    })

  test('the file is fetched whole, with progress', async () => {
    const { url, ranges } = await whole(content, { 'content-length': content.length })
    const seen: number[] = []
    const source = await openSource(url, {
      onProgress: ({ loaded, total }) => {
        expect(total).toBe(content.length)
        seen.push(loaded)
      },
    })
    expect(Buffer.compare(await source.read(0, content.length), content)).toBe(0)
    expect(seen.at(-1)).toBe(content.length)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(ranges).toHaveLength(1)
  })

  test('without a length, or packed for the way', async () => {
    const large = new Uint8Array(3_000_000).map((_, i) => i >> 7)
    for (const { url } of [
      await whole(large),
      await serve(large, (_request, response) => {
        const packed = gzipSync(large)
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed)
      }),
    ]) {
      const source = await openSource(url)
      expect(Buffer.compare(await source.read(0, source.size), large)).toBe(0)
    }
  })

  test('a limit, told by the length or found on the way', async () => {
    for (const headers of [{ 'content-length': content.length }, {}]) {
      const { url } = await whole(content, headers)
      const error = await failure(() => openSource(url, { maxWholeDownload: 1000 }))
      expect(error).toBeInstanceOf(TooLargeError)
      expect(error.message).toMatch(
        /w\.pt: the server cannot send ranges, and the whole file takes \d+ bytes, the limit is 1000\.$/,
      )
    }
  })

  test('a body shorter than its length', async () => {
    const { url } = await serve(content, (_request, response) => {
      response.writeHead(200, { 'content-length': content.length })
      response.write(content.subarray(0, 500), () => response.destroy())
    })
    const error = await failure(() => openSource(url))
    expect([SourceError, TruncatedFileError]).toContain(error.constructor)
  })

  test('abort on the way', async () => {
    const { url } = await serve(content, (_request, response) => {
      response.writeHead(200, { 'content-length': content.length }).write(content.subarray(0, 500))
    })
    const controller = new AbortController()
    const opening = openSource(url, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    })
    await expect(opening).rejects.toThrow('enough')
  })
})

test('no server, and no such file', async () => {
  const error = (await failure(() => openSource('http://127.0.0.1:1/w.pt'))) as SourceError
  expect(error.temporary).toBe(true)
  expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:1\/w\.pt cannot be read: the connection failed \(/)
  const { url } = await serve(content, (_request, response) => {
    response.writeHead(404).end()
  })
  expect((await failure(() => openSource(url))).message).toMatch(/the server answered 404 Not Found\.$/)
})

test('a fetch of the caller is used for every request', async () => {
  const { url } = await serve(content)
  const seen: string[] = []
  const source = await openSource(url, {
    fetch: (input, init) => {
      seen.push(new Headers(init?.headers).get('range') ?? '')
      return fetch(input, { ...init, headers: { ...init?.headers, authorization: 'Bearer x' } })
    },
  })
  await source.read(300_000, 900_000)
  expect(seen).toEqual([`bytes=0-${block - 1}`, 'bytes=300000-899999'])
})

test('a weight file by ranges', async () => {
  const tensors = new Map([
    ['small', float32Tensor([3], Float32Array.of(1, 2, 3))],
    [
      'large',
      float32Tensor(
        [200_000],
        Float32Array.from({ length: 200_000 }, (_, i) => i),
      ),
    ],
  ])
  const { url, ranges } = await serve(writeSafetensors({ tensors }))
  const read = await readWeights(url)
  for (const [name, { data }] of tensors)
    expect(Buffer.compare(bytesOf(data), bytesOf(read.tensors.get(name)!.data))).toBe(0)
  expect(ranges.length).toBeLessThanOrEqual(6)
})
