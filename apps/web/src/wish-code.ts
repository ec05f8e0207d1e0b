/**
 * A painted wish as text for a link: runs of equal pixels, as bytes, in base64url.
 *
 * bytes = height, width, channels, then for each run: length (1 … 255), painted (0 or 1), and where painted the value of
 * each channel. Sides above 255 stand as 0, the side in two bytes, channels.
 */
import type { Wish } from './plan.ts'

/** A wish over a square picture. */
export function encodeWish({ mask, target }: Wish): string {
  const side = Math.sqrt(mask.length)
  const channels = target.length / mask.length
  const bytes = side < 256 ? [side, side, channels] : [0, side >> 8, side & 255, channels]
  const same = (a: number, b: number) =>
    mask[a] === mask[b] &&
    (mask[a] === 0 ||
      Array.from({ length: channels }, (_, c) => c).every(
        (c) => target[a * channels + c] === target[b * channels + c],
      ))
  for (let start = 0; start < mask.length; ) {
    let end = start + 1
    while (end < mask.length && end - start < 255 && same(start, end)) end++
    bytes.push(end - start, mask[start] as number)
    if (mask[start]) bytes.push(...target.subarray(start * channels, (start + 1) * channels))
    start = end
  }
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

/** The wish of a text, or undefined where it is none. */
export function decodeWish(text: string, strength: number): Wish | undefined {
  const bytes = bytesOf(text)
  if (!bytes) return undefined
  const [height = 0, width = 0, channels = 0] =
    bytes[0] === 0 ? [sideIn(bytes), sideIn(bytes), bytes[3]] : bytes
  const pixels = height * width
  if (pixels === 0 || height !== width || height > largestSide) return undefined
  if (channels !== 1 && channels !== 3) return undefined
  const mask = new Uint8Array(pixels)
  const target = new Uint8Array(pixels * channels)
  let pixel = 0
  let at = bytes[0] === 0 ? 4 : 3
  while (at < bytes.length) {
    const [length = 0, painted = 2] = bytes.subarray(at, at + 2)
    const value = bytes.subarray(at + 2, at + 2 + (painted ? channels : 0))
    if (length === 0 || painted > 1 || pixel + length > pixels) return undefined
    if (painted && value.length < channels) return undefined
    mask.fill(painted, pixel, pixel + length)
    for (let i = pixel; painted && i < pixel + length; i++) target.set(value, i * channels)
    pixel += length
    at += 2 + value.length
  }
  return pixel === pixels ? { mask, target, strength } : undefined
}

/** More than any picture of a model here has: a link is nobody's word for how much memory to take. */
const largestSide = 1024

const sideIn = ([, high = 0, low = 0]: Uint8Array) => 256 * high + low

function bytesOf(text: string): Uint8Array | undefined {
  try {
    const raw = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return Uint8Array.from(raw, (letter) => letter.charCodeAt(0))
  } catch {
    return undefined
  }
}
