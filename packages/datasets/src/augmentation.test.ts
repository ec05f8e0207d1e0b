import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { flipHorizontally } from './augmentation.ts'

test('the pixels of every row change places, their channels do not', () => {
  const images = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
  flipHorizontally(images, 0, [2, 3, 2])
  expect([...images]).toEqual([5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8])
})

test('images before and after stay as they are', () => {
  const images = Float32Array.of(1, 2, 3, 4, 5, 6)
  flipHorizontally(images, 2, [1, 2, 1])
  expect([...images]).toEqual([1, 2, 4, 3, 5, 6])
})

test('mirrored pixels lie at the mirrored place, and mirroring twice changes nothing', () => {
  const size = fc.integer({ min: 1, max: 7 })
  fc.assert(
    fc.property(size, size, fc.integer({ min: 1, max: 4 }), (height, width, channels) => {
      const images = Float32Array.from({ length: height * width * channels }, (_, i) => i)
      const flipped = images.slice()
      flipHorizontally(flipped, 0, [height, width, channels])
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let c = 0; c < channels; c++) {
            const mirrored = (y * width + (width - 1 - x)) * channels + c
            expect(flipped[(y * width + x) * channels + c]).toBe(mirrored)
          }
        }
      }
      flipHorizontally(flipped, 0, [height, width, channels])
      expect(flipped).toEqual(images)
    }),
  )
})
