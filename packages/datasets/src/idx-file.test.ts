import { gzipSync } from 'node:zlib'
import fc from '@guided-diffusion/tooling/properties'
import { describe, expect, test } from 'vitest'
import { readIdx } from './idx-file.ts'

/** A file with elements that are given byte by byte. */
function file(type: number, shape: readonly number[], elements: Iterable<number>): Uint8Array {
  const sizes = shape.flatMap((size) => [size >>> 24, size >>> 16, size >>> 8, size])
  return Uint8Array.from([0, 0, type, shape.length, ...sizes, ...elements])
}

async function problem(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (error) => error,
  )
  expect(error).toMatchObject({ name: 'DatasetFormatError', advice: expect.any(String) })
  return error.message
}

test('bytes come with their shape, packed or not', async () => {
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(shape, fc.infiniteStream(fc.nat(255)), async (shape, stream) => {
      const data = Uint8Array.from([...stream.take(shape.reduce((product, size) => product * size, 1))])
      const bytes = file(8, shape, data)
      expect(await readIdx(bytes)).toEqual({ shape, data })
      expect(await readIdx(gzipSync(bytes))).toEqual({ shape, data })
    }),
  )
})

test.each([
  [0x09, [0xff, 0x80], Int8Array.of(-1, -128)],
  [0x0b, [0xff, 0xfe, 1, 2], Int16Array.of(-2, 258)],
  [0x0c, [0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0], Int32Array.of(-2, 65536)],
  [0x0d, [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0], Float32Array.of(1.5, -2)],
  [0x0e, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0], Float64Array.of(1.5, -2)],
] as const)('elements of type %i are read in big-endian order', async (type, elements, data) => {
  // The file lies at an odd place of its buffer.
  const whole = Uint8Array.from([7, ...file(type, [2], elements)])
  expect(await readIdx(whole.subarray(1))).toEqual({ shape: [2], data })
})

test('a size may be 0', async () => {
  expect(await readIdx(file(8, [0, 28, 28], []))).toEqual({ shape: [0, 28, 28], data: new Uint8Array() })
})

describe('files that are none, or not whole', () => {
  test.each([
    [new Uint8Array(), 'it has 0 bytes, too few for the header of an IDX file'],
    [new TextEncoder().encode('hello'), 'it begins with 68 65 6c 6c, so it is no IDX file'],
    [file(7, [1], [1]), 'it begins with 00 00 07 01, so it is no IDX file'],
    [file(8, [], [1]), 'it begins with 00 00 08 00, so it is no IDX file'],
    [file(8, [2, 2, 2], []).subarray(0, 10), 'it ends within the header, which has 16 bytes'],
    [file(8, [2, 2], [1, 2, 3]), 'its header announces 2 × 2 elements, 4 bytes, but only 3 follow'],
    [file(8, [2, 2], [1, 2, 3, 4, 5]), 'its header announces 2 × 2 elements, 4 bytes, but more follow'],
  ])('%o: %s', async (bytes, expected) => {
    expect(await problem(readIdx(bytes))).toBe(`IDX file: ${expected}.`)
  })

  test('the name of a file is in the message', async () => {
    const images = new File([new Uint8Array()], 'images.idx')
    expect(await problem(readIdx(images))).toMatch(/^images\.idx: /)
  })

  test('the same under gzip', async () => {
    const cut = gzipSync(file(8, [2, 2], [1, 2, 3]))
    expect(await problem(readIdx(cut))).toMatchInlineSnapshot(
      `"IDX file: its header announces 2 × 2 elements, 4 bytes, but only 3 follow."`,
    )
    const short = gzipSync(Uint8Array.of(0, 0, 8))
    expect(await problem(readIdx(short))).toMatchInlineSnapshot(
      `"IDX file: it has 3 bytes, too few for the header of an IDX file."`,
    )
  })

  test('gzip data that ends early', async () => {
    const packed = gzipSync(file(8, [1000], Buffer.alloc(1000, 3)))
    expect(await problem(readIdx(packed.subarray(0, -6)))).toMatch('damaged or ends early')
  })

  test('wherever a file is cut, the error is a named one', async () => {
    const bytes = file(8, [3, 2, 2], Buffer.alloc(12, 5))
    const packed = gzipSync(bytes)
    for (let end = 0; end < bytes.length; end++) await problem(readIdx(bytes.subarray(0, end)))
    for (let end = 0; end < packed.length; end++) await problem(readIdx(packed.subarray(0, end)))
  })
})

describe('headers that lie', () => {
  const huge = Array.from({ length: 40 }, () => 2 ** 32 - 1)

  test('are told by the bytes that follow', async () => {
    expect(await problem(readIdx(file(8, [60_000, 28, 28], [1, 2, 3])))).toMatchInlineSnapshot(
      `"IDX file: its header announces 60000 × 28 × 28 elements, 47040000 bytes, but only 3 follow."`,
    )
    expect(await problem(readIdx(file(8, huge, [1])))).toMatch('Infinity bytes, but only 1 follow')
    expect(await problem(readIdx(file(8, [...huge, 0], [1])))).toMatch(' 0 bytes, but more follow')
  })

  test('are told before anything is unpacked, when they announce more than the limit', async () => {
    const packed = gzipSync(file(8, [60_000, 1000, 1000], [1]))
    expect(await problem(readIdx(packed))).toMatchInlineSnapshot(
      `"IDX file: it announces 60000000016 bytes, more than the limit of 2147483648."`,
    )
    expect(await problem(readIdx(gzipSync(file(8, huge, [1]))))).toMatch('more than the limit')
    const small = gzipSync(file(8, [100], Buffer.alloc(100)))
    expect(await problem(readIdx(small, { maximumBytes: 107 }))).toMatch('announces 108 bytes')
    expect((await readIdx(small, { maximumBytes: 108 })).data).toHaveLength(100)
  })

  test('do not make more unpacked than they announce', async () => {
    // The end is damaged: whoever gets there says so.
    const bombs = [[10], [...huge, 0]].map((shape) => {
      const packed = gzipSync(Buffer.concat([file(8, shape, []), Buffer.alloc(50 << 20)]))
      return packed.fill(0xaa, packed.length - 8)
    })
    for (const bomb of bombs) expect(await problem(readIdx(bomb))).toMatch('but more follow')
  })
})

test('an aborted signal ends the reading with its reason', async () => {
  const reason = new Error('enough')
  await expect(readIdx(file(8, [1], [1]), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
