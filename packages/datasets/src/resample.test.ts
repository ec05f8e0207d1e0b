import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import type { Picture } from './picture.ts'
import { bicubic, box, resample } from './resample.ts'

const side = fc.integer({ min: 1, max: 12 })
const filters = { bicubic, box }
const filter = fc.constantFrom<keyof typeof filters>('bicubic', 'box')

const picture = fc.tuple(side, side).chain(([width, height]) =>
  fc.record({
    width: fc.constant(width),
    height: fc.constant(height),
    pixels: fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 }),
  }),
)

test('halving by the box filter takes the mean of four pixels, rounded by rows and then by columns', () => {
  const grey = Uint8Array.from([10, 20, 30, 50].flatMap((v) => [v, v, v]))
  const half = resample({ width: 2, height: 2, pixels: grey }, 1, 1, box)
  expect([...half.pixels]).toEqual([28, 28, 28]) // 15 and 40, then 27.5
})

test('bicubic interpolation has the weights of Keys with a = −½', () => {
  // Between two pixels: (−1 + 9 + 9 − 1)/16.
  const weights = [-1.5, -0.5, 0.5, 1.5].map((distance) => bicubic.weight(distance))
  expect(weights).toEqual([-0.0625, 0.5625, 0.5625, -0.0625])
  expect([0, 1, -1, 2, 2.5].map((distance) => Math.abs(bicubic.weight(distance)))).toEqual([1, 0, 0, 0, 0])
})

test('an image in its own size is what it was', () => {
  fc.assert(
    fc.property(picture, filter, (image, name) => {
      expect(resample(image, image.width, image.height, filters[name])).toEqual(image)
    }),
  )
})

test('a part of the resized image is that part of the whole', () => {
  const sizes = fc.record({ width: side, height: side })
  const shares = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99))
  fc.assert(
    fc.property(picture, sizes, shares, filter, (image, { width, height }, [a, b, c, d], name) => {
      const left = a % width
      const top = b % height
      const part = { left, top, width: 1 + (c % (width - left)), height: 1 + (d % (height - top)) }
      const whole = resample(image, width, height, filters[name])
      const cut = resample(image, width, height, filters[name], part)
      expect(cut).toEqual(cutOut(whole, part))
    }),
  )
})

function cutOut(
  { width, pixels }: Picture,
  part: { left: number; top: number; width: number; height: number },
): Picture {
  const rows = Array.from({ length: part.height }, (_, y) => {
    const start = 3 * ((part.top + y) * width + part.left)
    return [...pixels.subarray(start, start + 3 * part.width)]
  })
  return { width: part.width, height: part.height, pixels: Uint8Array.from(rows.flat()) }
}
