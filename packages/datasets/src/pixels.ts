/** The 256 values of a byte in [−1, 1]: v/127.5 − 1. */
const SIGNED_UNIT = Float32Array.from({ length: 256 }, (_, value) => value / 127.5 - 1)

/** Writes bytes as numbers of [−1, 1] into `out`, from `position` on. */
export function writeSignedUnit(bytes: Uint8Array, out: Float32Array, position: number): void {
  for (let i = 0; i < bytes.length; i++) out[position + i] = SIGNED_UNIT[bytes[i] as number] as number
}
