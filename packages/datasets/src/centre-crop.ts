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
  if (image.width === size && image.height === size) return image
  const scale = size / Math.min(image.width, image.height)
  const width = roundHalfEven(image.width * scale)
  const height = roundHalfEven(image.height * scale)
  return resample(image, width, height, bicubic, {
    left: Math.floor((width - size) / 2),
    top: Math.floor((height - size) / 2),
    width: size,
    height: size,
  })
}

/** Python's rounding: halves go to the even side. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
}
