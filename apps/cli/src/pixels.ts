/** Images as bytes, `[N, H, W, C]`. */
export interface Pictures {
  readonly data: Uint8Array
  readonly shape: readonly [number, number, number, number]
}

/** [−1, 1] → 0 … 255 as the reference code rounds: ⌊127.5 (x + 1)⌋, cut to the range. */
export function toBytes(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.floor((value + 1) * 127.5))))
}

/** Image n. Shares the bytes. */
export function picture({ data, shape: [, height, width, channels] }: Pictures, n: number) {
  const size = height * width * channels
  return { data: data.subarray(n * size, (n + 1) * size), height, width, channels }
}
