import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { readPngChunks } from './png-chunks.ts'

function chunk(type: string, content: readonly number[] = []): Buffer {
  const named = Buffer.concat([Buffer.from(type), Uint8Array.from(content)])
  const numbers = Buffer.alloc(8)
  numbers.writeUInt32BE(content.length)
  numbers.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([numbers.subarray(0, 4), named, numbers.subarray(4)])
}

/** 5 × 3 pixels of 8 bits, unless other bytes are given. */
function header({ width = 5, height = 3, rest = [8, 2, 0, 0, 0] } = {}): Buffer {
  return chunk('IHDR', [0, 0, 0, width, 0, 0, 0, height, ...rest])
}

const read = (...chunks: readonly Uint8Array[]): ReturnType<typeof readPngChunks> =>
  readPngChunks(Buffer.concat([Buffer.alloc(8), ...chunks]), (problem) => {
    throw new Error(problem)
  })

const pixels = chunk('IDAT', [1, 2, 3])
const end = chunk('IEND')

test('header, palette and joined pixels are read, all else is skipped', () => {
  const damaged = Uint8Array.from([...chunk('zTXt', [1, 2, 3]).subarray(0, -1), 0x5a])
  const {
    header: read5x3,
    palette,
    packed,
  } = read(
    header({ rest: [4, 3, 0, 0, 1] }),
    damaged,
    chunk('PLTE', [10, 20, 30, 40, 50, 60]),
    pixels,
    chunk('IDAT'),
    chunk('IDAT', [4]),
    end,
    Buffer.from('what follows the end does not count'),
  )
  expect(read5x3).toEqual({
    width: 5,
    height: 3,
    depth: 4,
    colour: 'palette',
    samples: 1,
    interlaced: true,
  })
  expect([...palette]).toEqual([10, 20, 30, 40, 50, 60])
  expect([...packed]).toEqual([1, 2, 3, 4])
})

test.each([
  ['it ends before its last chunk', [header(), pixels]],
  ['it ends before its last chunk', []],
  ['it has no pixels', [header(), end]],
  ['it has no pixels', [end]],
  ['its chunk IDAT is cut', [header(), Buffer.from([0xff, 0xff, 0xff, 0xff]), pixels.subarray(4), end]],
  ['IHDR is not its first chunk, or not its only one', [pixels, header(), end]],
  ['IHDR is not its first chunk, or not its only one', [header(), header(), pixels, end]],
  [
    'its header has 12 bytes instead of 13',
    [
      chunk(
        'IHDR',
        Array.from({ length: 12 }, () => 1),
      ),
      pixels,
      end,
    ],
  ],
  ['it is 0 × 3 pixels large', [header({ width: 0 }), pixels, end]],
  ['it is 5 × 0 pixels large', [header({ height: 0 }), pixels, end]],
  ['its colour type 1 with 8 bits does not exist', [header({ rest: [8, 1, 0, 0, 0] }), pixels, end]],
  ['its colour type 2 with 4 bits does not exist', [header({ rest: [4, 2, 0, 0, 0] }), pixels, end]],
  ['its colour type 3 with 16 bits does not exist', [header({ rest: [16, 3, 0, 0, 0] }), pixels, end]],
  ['its kind of compression is unknown', [header({ rest: [8, 2, 1, 0, 0] }), pixels, end]],
  ['its kind of compression is unknown', [header({ rest: [8, 2, 0, 1, 0] }), pixels, end]],
  ['its kind of compression is unknown', [header({ rest: [8, 2, 0, 0, 2] }), pixels, end]],
  ['its palette has 4 bytes', [header(), chunk('PLTE', [1, 2, 3, 4]), pixels, end]],
  [
    'its palette has 771 bytes',
    [
      header(),
      chunk(
        'PLTE',
        Array.from({ length: 771 }, () => 1),
      ),
      pixels,
      end,
    ],
  ],
] as const)('%s', (problem, chunks) => {
  expect(() => read(...chunks)).toThrow(problem)
})

test.each(['IHDR', 'PLTE', 'IDAT'])('a wrong checksum of %s is told', (type) => {
  const chunks = [header(), chunk('PLTE', [1, 2, 3]), pixels, end].map((bytes) =>
    bytes.toString('latin1', 4, 8) === type ? Buffer.from([...bytes.subarray(0, -1), 0x55]) : bytes,
  )
  expect(() => read(...chunks)).toThrow(`the checksum of its chunk ${type} is wrong`)
})

test('a chunk without a name is told without writing its bytes to the screen', () => {
  expect(() => read(header(), Buffer.from('\0\0\0\0\x1b[2Jaaaa', 'latin1'), end)).toThrow(
    'it has a chunk without a name',
  )
})
