import { crc32, deflateSync } from 'node:zlib'
import fc from '@guided-diffusion/tooling/properties'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { readPng } from './png.ts'

const GREY = 0
const RGB = 2
const PALETTE = 3
const SAMPLES: Record<number, number> = { [GREY]: 1, [RGB]: 3, [PALETTE]: 1, 4: 2, 6: 4 }
const KINDS = [
  ...[1, 2, 4, 8, 16].map((depth) => ({ colour: GREY, depth })),
  ...[8, 16].flatMap((depth) => [RGB, 4, 6].map((colour) => ({ colour, depth }))),
  ...[1, 2, 4, 8].map((depth) => ({ colour: PALETTE, depth })),
]

interface Drawing {
  readonly width: number
  readonly height: number
  readonly colour: number
  readonly depth: number
  readonly interlaced: boolean
  /** `[height, width, samples]`, each of `depth` bits. */
  readonly samples: readonly number[]
  /** Filters of the rows, in turn. */
  readonly filters: readonly number[]
  readonly palette: Uint8Array
}

const drawing = fc
  .record({
    width: fc.integer({ min: 1, max: 18 }),
    height: fc.integer({ min: 1, max: 18 }),
    kind: fc.constantFrom(...KINDS),
    interlaced: fc.boolean(),
    seed: fc.nat(2 ** 30),
    filters: fc.array(fc.nat(4), { minLength: 1, maxLength: 7 }),
  })
  .map(({ width, height, kind: { colour, depth }, interlaced, seed, filters }): Drawing => {
    const random = (i: number): number => Math.imul(seed + i, 2654435761) >>> 13
    const length = width * height * (SAMPLES[colour] as number)
    const samples = Array.from({ length }, (_, i) => random(i) % 2 ** depth)
    const palette = Uint8Array.from({ length: 3 * 2 ** Math.min(depth, 8) }, (_, i) => random(i + length))
    return { width, height, colour, depth, interlaced, samples, filters, palette }
  })

const plain: Drawing = {
  width: 2,
  height: 2,
  colour: RGB,
  depth: 8,
  interlaced: false,
  samples: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  filters: [0],
  palette: new Uint8Array(),
}

function chunk(type: string, content: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type), content])
  return Buffer.concat([word(content.length), named, word(crc32(named))])
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A PNG file by the book, with the parts that a test wants otherwise. */
function file(
  { width, height, colour, depth, interlaced, palette, ...drawn }: Drawing,
  { packed, before = [] }: { packed?: Uint8Array; before?: readonly Uint8Array[] } = {},
): Buffer {
  const rows = () => filteredRows({ width, height, colour, depth, interlaced, palette, ...drawn })
  const pixels = packed ?? deflateSync(Buffer.concat(rows()))
  const middle = Math.floor(pixels.length / 2)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk(
      'IHDR',
      Buffer.concat([word(width), word(height), Buffer.from([depth, colour, 0, 0, +interlaced])]),
    ),
    chunk('tEXt', Buffer.from('Title\0chunks that do not matter are skipped')),
    ...before,
    ...(colour === PALETTE && palette.length > 0 ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', pixels.subarray(0, middle)),
    chunk('IDAT', pixels.subarray(middle)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Columns and rows of the seven passes, as a picture: the pass of every pixel of 8 × 8. */
const PASSES = [
  '16462646',
  '77777777',
  '56565656',
  '77777777',
  '36463646',
  '77777777',
  '56565656',
  '77777777',
]

function filteredRows({ width, height, colour, depth, interlaced, samples, filters }: Drawing): Buffer[] {
  const each = SAMPLES[colour] as number
  const step = Math.max(1, (depth * each) >> 3)
  const out: Buffer[] = []
  for (let pass = 1; pass <= (interlaced ? 7 : 1); pass++) {
    let above: Buffer | undefined
    for (let y = 0; y < height; y++) {
      let bits = ''
      for (let x = 0; x < width; x++) {
        if (interlaced && PASSES[y % 8]?.[x % 8] !== String(pass)) continue
        for (let c = 0; c < each; c++) {
          bits += (samples[(y * width + x) * each + c] as number).toString(2).padStart(depth, '0')
        }
      }
      if (bits === '') continue
      const row = Buffer.from(
        (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)),
      )
      const filter = filters[out.length % filters.length] as number
      out.push(Buffer.from([filter, ...row.map((byte, i) => byte - predict(filter, row, above, i, step))]))
      above = row
    }
  }
  return out
}

function predict(filter: number, row: Buffer, above: Buffer | undefined, i: number, step: number): number {
  const a = row[i - step] ?? 0
  const b = above?.[i] ?? 0
  const c = above?.[i - step] ?? 0
  const nearest = [a, b, c].reduce((best, next) =>
    Math.abs(a + b - c - next) < Math.abs(a + b - c - best) ? next : best,
  )
  return [0, a, b, Math.floor((a + b) / 2), nearest][filter] as number
}

function colours({ colour, depth, samples, palette }: Drawing): Uint8Array {
  const each = SAMPLES[colour] as number
  const to8 = (sample: number): number => (depth === 16 ? sample >> 8 : (sample * 255) / (2 ** depth - 1))
  return Uint8Array.from(
    Array.from({ length: samples.length / each }, (_, pixel) =>
      [0, 1, 2].map((c) => {
        if (colour === PALETTE) return palette[3 * (samples[pixel] as number) + c] as number
        return to8(samples[pixel * each + (each > 2 ? c : 0)] as number)
      }),
    ).flat(),
  )
}

const options = { file: 'a.png', maximumPixels: 1e6 }

async function problem(bytes: Uint8Array): Promise<string> {
  const error = await readPng(bytes, options).then(
    () => undefined,
    (error) => error,
  )
  expect(error).toMatchObject({ name: 'DatasetFormatError', file: 'a.png', advice: expect.any(String) })
  return error.problem
}

test('every colour type, depth, filter and interlacing is read', async () => {
  await fc.assert(
    fc.asyncProperty(drawing, async (drawing) => {
      const { width, height } = drawing
      expect(await readPng(file(drawing), options)).toEqual({ width, height, pixels: colours(drawing) })
    }),
    { numRuns: 300 },
  )
})

test('libpng reads the same', async () => {
  await fc.assert(
    fc.asyncProperty(drawing, async (drawing) => {
      const bytes = file(drawing)
      const peer = sharp(bytes).toColourspace('srgb').removeAlpha().raw({ depth: 'uchar' })
      const { pixels } = await readPng(bytes, options)
      expect(Buffer.compare(pixels, await peer.toBuffer())).toBe(0)
    }),
    { numRuns: 100 },
  )
})

test.each([
  [1, 8],
  [2, 8],
  [3, 8],
  [4, 8],
  [1, 16],
  [3, 16],
] as const)('what fast-png writes is read: %i channels of %i bits', async (channels, depth) => {
  const length = 40 * 30 * channels
  const values = Array.from({ length }, (_, i) => (i * i * 31) % 2 ** depth)
  const data = depth === 16 ? Uint16Array.from(values) : Uint8Array.from(values)
  const { pixels } = await readPng(encode({ width: 40, height: 30, channels, depth, data }), options)
  const byte = (index: number): number => (values[index] as number) >> (depth - 8)
  const expected = Array.from({ length: 40 * 30 * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3) * channels
    return byte(channels > 2 ? pixel + (i % 3) : pixel)
  })
  expect(pixels).toEqual(Uint8Array.from(expected))
})

describe('hostile files', () => {
  test('a header of a thousand million pixels is refused before they are unpacked', async () => {
    const large = file({ ...plain, width: 50_000, height: 50_000 }, { packed: deflateSync('') })
    expect(await problem(large)).toMatchInlineSnapshot(
      `"its header announces 50000 × 50000 pixels, more than the limit of 1000000"`,
    )
    const largest = file({ ...plain, width: 2 ** 32 - 1, height: 2 ** 32 - 1 }, { packed: deflateSync('') })
    expect(await problem(largest)).toMatch('more than the limit of 1000000')
  })

  test('exactly as many pixels as the limit are allowed', async () => {
    expect(await readPng(file(plain), { ...options, maximumPixels: 4 })).toMatchObject({ width: 2 })
    await expect(readPng(file(plain), { ...options, maximumPixels: 3 })).rejects.toThrow('limit of 3')
  })

  test('a small image with 50 MB of pixels is not unpacked beyond those that it has', async () => {
    // The end is damaged: whoever gets there says so.
    const packed = deflateSync(Buffer.alloc(50 << 20))
    packed.fill(0xaa, packed.length - 4)
    expect(await readPng(file(plain, { packed }), options)).toEqual({
      width: 2,
      height: 2,
      pixels: new Uint8Array(12),
    })
  })

  test('a text or colour profile that unpacks to much is not unpacked', async () => {
    const profile = chunk('iCCP', Buffer.concat([Buffer.from('p\0\0'), deflateSync(Buffer.alloc(50 << 20))]))
    expect((await readPng(file(plain, { before: [profile] }), options)).pixels).toEqual(colours(plain))
  })

  test('pixels that are missing, cut or damaged are told', async () => {
    const rows = Buffer.concat(filteredRows(plain))
    expect(await problem(file(plain, { packed: deflateSync(rows.subarray(0, -1)) }))).toMatchInlineSnapshot(
      `"it has 13 of the 14 bytes of its pixels"`,
    )
    expect(await problem(file(plain, { packed: deflateSync(rows).subarray(0, -1) }))).toMatch('ends early')
    expect(await problem(file(plain, { packed: Buffer.from('no zlib stream') }))).toMatch('damaged')
    const changed = deflateSync(rows)
    changed.fill(0, changed.length - 4)
    expect(await problem(file(plain, { packed: changed }))).toMatch('damaged')
  })

  test('unknown filters and colours beyond the palette are told', async () => {
    const packed = deflateSync(Buffer.from([0, 1, 2, 3, 4, 5, 6, 5, 1, 2, 3, 4, 5, 6]))
    expect(await problem(file(plain, { packed }))).toMatchInlineSnapshot(`"a row has the unknown filter 5"`)
    const three = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)
    const indexed = { ...plain, colour: PALETTE, depth: 2, samples: [0, 1, 2, 3], palette: three }
    expect(await problem(file(indexed))).toMatchInlineSnapshot(`"a pixel has colour 3 of a palette of 3"`)
    expect(await problem(file({ ...indexed, palette: new Uint8Array() }))).toMatchInlineSnapshot(
      `"a pixel has colour 0 of a palette of 0"`,
    )
  })

  test('wherever a file is cut, the error is a named one', async () => {
    const bytes = file(plain)
    for (let end = 8; end < bytes.length; end++) await problem(bytes.subarray(0, end))
  })

  test('a changed byte gives a named error or changes nothing', async () => {
    const bytes = file({
      ...plain,
      colour: PALETTE,
      samples: [0, 1, 1, 0],
      palette: Uint8Array.of(9, 8, 7, 6, 5, 4),
    })
    const { pixels } = await readPng(bytes, options)
    for (let i = 8; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i] = (changed[i] as number) ^ 0x55
      const result = await readPng(changed, options).catch((error) => error)
      if (result instanceof Error) expect(result.name).toBe('DatasetFormatError')
      else expect(result.pixels).toEqual(pixels)
    }
  })

  test('any bytes after the signature give a named error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        await problem(Buffer.concat([file(plain).subarray(0, 8), bytes]))
      }),
    )
  })
})

test('an aborted signal ends the reading with its reason', async () => {
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  await expect(readPng(file(plain), { ...options, signal })).rejects.toBe(reason)
})
