import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { luminance } from './picture.ts'

test('grey stays the grey it is', () => {
  const pixels = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3))
  expect(luminance(pixels)).toEqual(Uint8Array.from({ length: 256 }, (_, v) => v))
})

test('colours are as bright as Pillow has them', () => {
  const file = new URL('../fixtures/luminance.json', import.meta.url)
  const [{ width, height, pixels }] = JSON.parse(readFileSync(file, 'utf8')).cases
  const colours = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width
    const y = Math.floor(i / 3 / width)
    return x * x * 7 + y * 13 + (i % 3) * 101 + x * y * 3
  })
  expect(Buffer.from(luminance(colours)).toString('hex')).toBe(pixels)
})
