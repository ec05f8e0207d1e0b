/** [−1, 1] → 0 … 255 as the reference code rounds: ⌊127.5 (x + 1)⌋, cut to the range. */
export function toBytes(values: Float32Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.floor((value + 1) * 127.5))))
}

/** 0 … 255 → [−1, 1]. */
export function fromBytes(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bytes, (byte) => byte / 127.5 - 1)
}

/** Each picture by its own largest value: −127 … 127. */
export function toSignedBytes(values: Float32Array, pictures: number): Int8Array<ArrayBuffer> {
  const size = values.length / pictures
  const signed = new Int8Array(values.length)
  for (let n = 0; n < pictures; n++) {
    const picture = values.subarray(n * size, (n + 1) * size)
    const peak = picture.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    if (peak === 0) continue
    for (let i = 0; i < size; i++) signed[n * size + i] = Math.round((127 * (picture[i] as number)) / peak)
  }
  return signed
}
