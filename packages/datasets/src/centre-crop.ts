import type { Picture } from './picture.ts'
import { bicubic, box, resample } from './resample.ts'

/**
 * The largest square in the middle, as an image of `size` × `size`: halved while it is at least twice too large, then
 * brought to size by bicubic interpolation, then cut. Follows the reference code, pixel by pixel.
 *
 * @see Dhariwal & Nichol 2021, https://arxiv.org/abs/2105.05233 (its data are prepared so)
 */
export function centreCrop(picture: Picture, size: number): Picture {
  let image = picture
  while (Math.min(image.width, image.height) >= 2 * size) {
    image = resample(image, Math.floor(image.width / 2), Math.floor(image.height / 2), box)
  }
  const scale = size / Math.min(image.width, image.height)
  image = resample(image, roundHalfEven(image.width * scale), roundHalfEven(image.height * scale), bicubic)
  const left = Math.floor((image.width - size) / 2)
  const top = Math.floor((image.height - size) / 2)
  if (image.width === size && image.height === size) return image
  const pixels = new Uint8Array(size * size * 3)
  for (let row = 0; row < size; row++) {
    const start = 3 * ((top + row) * image.width + left)
    pixels.set(image.pixels.subarray(start, start + 3 * size), row * 3 * size)
  }
  return { width: size, height: size, pixels }
}

/** Python's rounding: halves go to the even side. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
}
