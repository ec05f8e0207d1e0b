/** Mirrors one image, `[H, W, C]` at `start`, left to right, in place. */
export function flipHorizontally(
  images: Float32Array,
  start: number,
  [height, width, channels]: readonly [number, number, number],
): void {
  const stride = width * channels
  for (let row = start; row < start + height * stride; row += stride) {
    for (let left = row, right = row + stride - channels; left < right; left += channels, right -= channels) {
      for (let c = 0; c < channels; c++) {
        const value = images[left + c] as number
        images[left + c] = images[right + c] as number
        images[right + c] = value
      }
    }
  }
}
