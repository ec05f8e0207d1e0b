import { deflateSync, gzipSync } from 'node:zlib'
import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { concatenated, inflate, isGzip } from './inflate.ts'

const noise = Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 2654435761) >>> 13)

test('gzip files are told by their first bytes', () => {
  expect(isGzip(gzipSync('a'))).toBe(true)
  expect(isGzip(deflateSync('a'))).toBe(false)
  expect(isGzip(Uint8Array.of(0x1f))).toBe(false)
})

test('what was packed comes out, of gzip and of zlib', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const limit = bytes.length
      expect(await inflate(gzipSync(bytes), 'gzip', { file: 'a', limit })).toEqual(bytes)
      expect(await inflate(deflateSync(bytes), 'deflate', { file: 'a', limit })).toEqual(bytes)
    }),
  )
})

test('a file of 200 kB that unpacks to 200 MB is left soon after the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(200 << 20))
  expect(bomb.length).toBeLessThan(250_000)
  const bytes = await inflate(bomb, 'gzip', { file: 'a', limit: 1000 })
  expect(bytes.length).toBeGreaterThan(1000)
  expect(bytes.length).toBeLessThan(1 << 20)
})

test.each([
  ['cut in its middle', (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1)],
  ['cut by one byte', (bytes: Uint8Array) => bytes.subarray(0, -1)],
  [
    'changed in its checksum',
    (bytes: Uint8Array) => bytes.with(bytes.length - 5, (bytes.at(-5) as number) ^ 1),
  ],
  [
    'changed in its middle',
    (bytes: Uint8Array) => bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] as number) ^ 255),
  ],
  ['empty', () => new Uint8Array()],
  ['something else', () => new TextEncoder().encode('no gzip file')],
])('a file that is %s is damaged', async (_, damage) => {
  const packed = damage(new Uint8Array(gzipSync(noise)))
  await expect(inflate(packed, 'gzip', { file: 'a.gz', limit: noise.length })).rejects.toThrow(
    expect.objectContaining({
      name: 'DatasetFormatError',
      file: 'a.gz',
      problem: expect.stringContaining('damaged or ends early'),
      cause: expect.anything(),
    }),
  )
})

test('a changed bit of a zlib stream gives an error, a longer result, or does not matter', async () => {
  const bytes = new TextEncoder().encode('the same the same the same')
  const packed = deflateSync(bytes)
  for (let bit = 0; bit < 8 * packed.length; bit++) {
    const changed = new Uint8Array(packed)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    const result = await inflate(changed, 'deflate', { file: 'a', limit: bytes.length }).catch(String)
    if (typeof result !== 'string' && result.length <= bytes.length) expect(result).toEqual(bytes)
  }
})

test('an aborted signal stops the work with its reason', async () => {
  const reason = new Error('enough')
  await expect(
    inflate(gzipSync(noise), 'gzip', { file: 'a', limit: noise.length, signal: AbortSignal.abort(reason) }),
  ).rejects.toBe(reason)
})

test('pieces are joined in their order', () => {
  expect([...concatenated([Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)])]).toEqual([1, 2, 3])
  expect(concatenated([])).toHaveLength(0)
})
