/** A decoded image of any size: `[height, width, 3]` bytes, row by row. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

/**
 * One byte of brightness for three of colour.
 *
 * (19595 R + 38470 G + 7471 B)/65536, rounded: ITU-R 601 as Pillow has it, under which grey stays what it is.
 */
export function luminance(pixels: Uint8Array): Uint8Array {
  const grey = new Uint8Array(pixels.length / 3)
  for (let i = 0; i < grey.length; i++) {
    const red = pixels[3 * i] as number
    const green = pixels[3 * i + 1] as number
    const blue = pixels[3 * i + 2] as number
    grey[i] = (19595 * red + 38470 * green + 7471 * blue + 32768) >>> 16
  }
  return grey
}
