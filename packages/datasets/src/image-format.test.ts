import { encode } from 'fast-png'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { imageFormat } from './image-format.ts'

const raw = { width: 2, height: 1, channels: 3 } as const
const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6)

test('files of the three formats are told by their content', async () => {
  expect(imageFormat(encode({ width: 2, height: 1, channels: 3, data: pixels }))).toBe('png')
  expect(imageFormat(await sharp(pixels, { raw }).jpeg().toBuffer())).toBe('jpeg')
  expect(imageFormat(await sharp(pixels, { raw }).webp().toBuffer())).toBe('webp')
})

test('other files, parts of a signature and nothing at all are none of them', async () => {
  const gif = await sharp(pixels, { raw }).gif().toBuffer()
  const wave = new TextEncoder().encode('RIFF1234WAVEfmt ')
  for (const bytes of [gif, wave, Uint8Array.of(0x89, 0x50), Uint8Array.of(0xff, 0xd8), new Uint8Array()]) {
    expect(imageFormat(bytes)).toBeUndefined()
  }
})
