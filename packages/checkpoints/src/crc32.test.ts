import { crc32 as reference } from 'node:zlib'
import { expect, test } from 'vitest'
import { crc32 } from './crc32.ts'

const text = (value: string) => new TextEncoder().encode(value)

test('the check value of the catalogue of checksums', () => {
  expect(crc32(text('123456789'))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array(0))).toBe(0)
})

test('every length up to 64 and every alignment, against zlib', () => {
  const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 151 + 7) & 255)
  for (let start = 0; start < 16; start++)
    for (let length = 0; length < 64; length++) {
      const part = bytes.subarray(start, start + length)
      expect(crc32(part)).toBe(reference(part))
    }
})

test('in parts it is the same as at once', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) & 255)
  for (const cut of [0, 1, 7, 8, 500, 999])
    expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc32(bytes))
})
