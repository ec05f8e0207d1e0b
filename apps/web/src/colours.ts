/** Numbers as colours: what canvases are filled with. */

/** Bytes of one picture, one or three channels, as RGBA. */
export function pictureColours(bytes: Uint8Array, channels: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = bytes.length / channels
  const colours = new Uint8ClampedArray(pixels * 4)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) colours[4 * i + c] = bytes[i * channels + (channels === 1 ? 0 : c)] as number
    colours[4 * i + 3] = 255
  }
  return colours
}

/** Ends and middle of the palette of pulls: darker, no change, brighter. */
export const pullPalette = {
  darker: [64, 156, 255],
  none: [18, 18, 20],
  brighter: [255, 146, 48],
} as const

/**
 * A pull, −127 … 127, as RGBA: blue wants a pixel darker, orange brighter, black leaves it alone. Of three channels
 * the mean is shown.
 */
export function pullColours(pull: Int8Array, channels: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = pull.length / channels
  const colours = new Uint8ClampedArray(pixels * 4)
  for (let i = 0; i < pixels; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += pull[i * channels + c] as number
    colours.set(pullColour(sum / channels / 127), 4 * i)
  }
  return colours
}

/** −1 … 1 as a colour. */
export function pullColour(value: number): [number, number, number, number] {
  const { darker, none, brighter } = pullPalette
  const end = value < 0 ? darker : brighter
  const share = Math.min(1, Math.abs(value))
  const mixed = none.map((from, c) => Math.round(from + share * ((end[c] as number) - from)))
  return [mixed[0] as number, mixed[1] as number, mixed[2] as number, 255]
}
