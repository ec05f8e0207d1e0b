/** What the reader has painted. */
import { signal } from '@preact/signals'
import type { Wish } from './plan.ts'

/** An empty wish about pictures of this shape. */
export function emptyWish([height, width, channels]: readonly [number, number, number], strength = 6): Wish {
  const pixels = height * width
  return { mask: new Uint8Array(pixels), target: new Uint8Array(pixels * channels), strength }
}

/** The wish, where it is about pictures of this shape; else an empty one. */
export function fittingWish(painted: Wish, shape: readonly [number, number, number]): Wish {
  const [height, width, channels] = shape
  const fits = painted.mask.length === height * width && painted.target.length === height * width * channels
  return fits ? painted : emptyWish(shape, painted.strength)
}

export const wish = signal<Wish>(emptyWish([28, 28, 1]))

/** What a brush leaves: `bright`, `dark`, the pixels of a picture, or nothing. */
export type Paint = 'bright' | 'dark' | 'erase' | { readonly keep: Uint8Array }

/** The wish after a stroke over a disc: `x`, `y` and `radius` in pixels. */
export function painted(before: Wish, paint: Paint, at: { x: number; y: number; radius: number }): Wish {
  const side = Math.sqrt(before.mask.length)
  const channels = before.target.length / before.mask.length
  const mask = before.mask.slice()
  const target = before.target.slice()
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if ((x - at.x) ** 2 + (y - at.y) ** 2 > at.radius ** 2) continue
      const pixel = y * side + x
      mask[pixel] = paint === 'erase' ? 0 : 1
      for (let c = 0; c < channels; c++) {
        const i = pixel * channels + c
        target[i] = typeof paint === 'object' ? (paint.keep[i] as number) : paint === 'bright' ? 255 : 0
      }
    }
  }
  return { ...before, mask, target }
}
