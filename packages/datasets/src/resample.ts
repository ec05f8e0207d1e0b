/**
 * Resampling of images as Pillow does it, to the last bit: along the rows first, then along the columns, with weights
 * in fixed point of 22 bits, and rounding to bytes after each.
 *
 * A filter that makes the image smaller is stretched by the factor, so that every pixel of the source counts.
 */

import type { Picture } from './picture.ts'

/** Weight of a source pixel by its distance from the target's centre, in units of the larger of the two pixels. */
export interface ResampleFilter {
  readonly support: number
  weight(distance: number): number
}

/** The mean of the covered pixels. */
export const box: ResampleFilter = {
  support: 0.5,
  weight: (distance) => (distance > -0.5 && distance <= 0.5 ? 1 : 0),
}

/**
 * Cubic convolution with a = −½.
 *
 * @see Keys 1981, "Cubic convolution interpolation for digital image processing"
 */
export const bicubic: ResampleFilter = {
  support: 2,
  weight: (distance) => {
    const x = Math.abs(distance)
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
  },
}

const PRECISION = 22

/** A rectangle of an image, in pixels. */
export interface Cutout {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * The image in another size, or a part of it: no more is computed, and no more memory taken, than the part needs,
 * however large the whole would be.
 */
export function resample(
  picture: Picture,
  width: number,
  height: number,
  filter: ResampleFilter,
  part: Cutout = { left: 0, top: 0, width, height },
): Picture {
  const across = filterWindows(picture.width, width, filter, part.left, part.width)
  const down = filterWindows(picture.height, height, filter, part.top, part.height)
  const [top, bottom] = sourceRange(down)
  const wide = resampleRows(picture, top, bottom, across)
  return { width: part.width, height: part.height, pixels: resampleColumns(wide, part.width, top, down) }
}

/** From the first pixel of the first window to the end of the last. */
function sourceRange(windows: readonly FilterWindow[]): [first: number, end: number] {
  const { first } = windows[0] as FilterWindow
  const last = windows[windows.length - 1] as FilterWindow
  return [first, last.first + last.weights.length]
}

/** Rows `top` to `bottom`, each brought to the new width. */
function resampleRows(
  { pixels, width }: Picture,
  top: number,
  bottom: number,
  windows: readonly FilterWindow[],
): Uint8Array {
  const out = new Uint8Array((bottom - top) * windows.length * 3)
  for (let row = top, position = 0; row < bottom; row++) {
    for (const { first, weights } of windows) {
      const start = 3 * (row * width + first)
      for (let channel = 0; channel < 3; channel++)
        out[position++] = weigh(pixels, start + channel, 3, weights)
    }
  }
  return out
}

/** Columns of pixels that begin with row `top`, each brought to the new height. */
function resampleColumns(
  pixels: Uint8Array,
  width: number,
  top: number,
  windows: readonly FilterWindow[],
): Uint8Array {
  const stride = 3 * width
  const out = new Uint8Array(windows.length * stride)
  let position = 0
  for (const { first, weights } of windows) {
    const start = (first - top) * stride
    for (let byte = 0; byte < stride; byte++) out[position++] = weigh(pixels, start + byte, stride, weights)
  }
  return out
}

/** The weighted mean of bytes that lie `step` apart, rounded, within [0, 255]. */
function weigh(pixels: Uint8Array, start: number, step: number, weights: Int32Array): number {
  let sum = 2 ** (PRECISION - 1)
  for (let k = 0, at = start; k < weights.length; k++, at += step) {
    sum += (pixels[at] as number) * (weights[k] as number)
  }
  const value = sum >> PRECISION
  return value < 0 ? 0 : value > 255 ? 255 : value
}

/** The pixels of the source that one pixel of the target is made of. */
interface FilterWindow {
  readonly first: number
  readonly weights: Int32Array
}

/** Windows of `count` pixels of the target, the first of them at `start`. */
function filterWindows(
  from: number,
  to: number,
  { support, weight }: ResampleFilter,
  start: number,
  count: number,
): FilterWindow[] {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const reach = support * stretch
  return Array.from({ length: count }, (_, i) => {
    const centre = (start + i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - reach + 0.5))
    const end = Math.min(from, Math.trunc(centre + reach + 0.5))
    const weights = Float64Array.from({ length: end - first }, (_, k) =>
      weight((k + first - centre + 0.5) * (1 / stretch)),
    )
    const sum = weights.reduce((total, value) => total + value, 0)
    return {
      first,
      weights: Int32Array.from(weights, (value) => {
        const fixed = (value / sum) * 2 ** PRECISION
        return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5)
      }),
    }
  })
}
