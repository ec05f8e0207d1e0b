import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from '@guided-diffusion/tooling/properties'
import { describe, expect, test } from 'vitest'
import { centreCrop } from './centre-crop.ts'
import type { Picture } from './picture.ts'

interface Case {
  readonly width: number
  readonly height: number
  readonly size: number
  /** Hexadecimal; of large crops there is only the hash. */
  readonly pixels?: string
  readonly sha256?: string
}

const fixtures = new URL('../fixtures/centre-crop.json', import.meta.url)
const cases: Case[] = JSON.parse(readFileSync(fixtures, 'utf8')).cases

/** The picture that `fixtures/make.py` gives to Pillow. */
function patterned(width: number, height: number): Picture {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width
    const y = Math.floor(i / 3 / width)
    return x * x * 7 + y * 13 + (i % 3) * 101 + x * y * 3
  })
  return { width, height, pixels }
}

describe('the crop equals that of the reference code with Pillow, byte by byte', () => {
  test.each(cases)('$width × $height to $size', ({ width, height, size, pixels, sha256 }) => {
    const crop = centreCrop(patterned(width, height), size)
    expect([crop.width, crop.height]).toEqual([size, size])
    if (pixels) expect(Buffer.from(crop.pixels).toString('hex')).toBe(pixels)
    else expect(createHash('sha256').update(crop.pixels).digest('hex')).toBe(sha256)
  })
})

test('a picture of one colour keeps it, whatever the sizes', () => {
  const side = fc.integer({ min: 1, max: 40 })
  const byte = fc.nat(255)
  fc.assert(
    fc.property(side, side, side, fc.tuple(byte, byte, byte), (width, height, size, colour) => {
      const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3] as number)
      const crop = centreCrop({ width, height, pixels }, size)
      expect(crop.pixels).toEqual(
        Uint8Array.from({ length: size * size * 3 }, (_, i) => colour[i % 3] as number),
      )
    }),
  )
})

test('the square is cut from the middle', () => {
  const pixels = new Uint8Array(3 * 6 * 3)
  for (let row = 0; row < 6; row++) pixels.fill(10 * row, 9 * row, 9 * row + 9)
  const crop = centreCrop({ width: 3, height: 6, pixels }, 3)
  expect([0, 9, 18].map((i) => crop.pixels[i])).toEqual([10, 20, 30])
})

test('a million pixels in one row or column need no room for the picture that they would stretch to', () => {
  const pixels = new Uint8Array(3e6).fill(200)
  for (const [width, height] of [
    [1e6, 1],
    [1, 1e6],
  ] as const) {
    const crop = centreCrop({ width, height, pixels }, 64)
    expect(crop.pixels).toEqual(new Uint8Array(64 * 64 * 3).fill(200))
  }
})
