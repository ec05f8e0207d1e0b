/**
 * float16 (1 sign, 5 exponent, 10 fraction bits) and bfloat16 (1, 8, 7), kept as their bits.
 * Narrowing rounds to the nearest value, ties to even; NaN stays NaN; what is too large becomes infinite.
 */

let float16Table: Uint32Array | undefined

/** float32 bits of each of the 65,536 float16 values. */
function widenedFloat16(): Uint32Array {
  if (float16Table) return float16Table
  const table = new Uint32Array(65536)
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16
    const exponent = (half >>> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 31) table[half] = sign | 0x7f800000 | (fraction << 13)
    else if (exponent > 0) table[half] = sign | ((exponent + 112) << 23) | (fraction << 13)
    else if (fraction > 0) {
      const shift = Math.clz32(fraction) - 21
      table[half] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)
    } else table[half] = sign
  }
  float16Table = table
  return table
}

/** Exact: every float16 is a float32. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  const table = widenedFloat16()
  const result = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) result[i] = table[bits[i]!]!
  return new Float32Array(result.buffer)
}

/** Exact: a bfloat16 is the upper half of a float32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const result = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) result[i] = bits[i]! << 16
  return new Float32Array(result.buffer)
}

export function float32ToFloat16(values: Float32Array): Uint16Array {
  const result = new Uint16Array(values.length)
  const input = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const scratch = new Float32Array(1)
  const scratchBits = new Uint32Array(scratch.buffer)
  for (let i = 0; i < input.length; i++) {
    const bits = input[i]!
    const sign = (bits >>> 16) & 0x8000
    const magnitude = bits & 0x7fffffff
    if (magnitude >= 0x38800000 && magnitude < 0x47800000) {
      // Normal: move the exponent's bias from 127 to 15; a carry of the rounding runs into the exponent as it should.
      result[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
    } else if (magnitude < 0x38800000) {
      // Subnormal or zero: adding ½ puts the last bit that float16 has at the last bit of a float32.
      scratchBits[0] = magnitude
      scratch[0] = scratch[0]! + 0.5
      result[i] = sign | (scratchBits[0]! - 0x3f000000)
    } else if (magnitude > 0x7f800000) result[i] = sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff)
    else result[i] = sign | 0x7c00
  }
  return result
}

export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const result = new Uint16Array(values.length)
  const input = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < input.length; i++) {
    const bits = input[i]!
    result[i] =
      (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
  }
  return result
}

/**
 * float64 → float32 rounded to odd: the last bit is set whenever something was cut off. Rounding the result once
 * more, to a half format, then gives what one rounding of the float64 would have given.
 */
export function float64ToOddFloat32(values: Float64Array): Float32Array {
  const result = Float32Array.from(values)
  const bits = new Uint32Array(result.buffer)
  for (let i = 0; i < values.length; i++) {
    const exact = values[i]!
    const rounded = result[i]!
    if (rounded === exact || Number.isNaN(exact)) continue
    const towardsZero = Math.abs(rounded) > Math.abs(exact) ? bits[i]! - 1 : bits[i]!
    bits[i] = towardsZero | 1
  }
  return result
}
