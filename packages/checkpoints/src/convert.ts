import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  float64ToOddFloat32,
} from './half.ts'
import type { WeightTensor } from './weights.ts'

/** The dtypes that floating-point weights can be written as. */
export type FloatTarget = 'float32' | 'float16' | 'bfloat16'

/**
 * The elements as 32-bit floats. A float32 tensor gives its own array, every other dtype a new one. float16 and
 * bfloat16 widen exactly, float64 and integers round to the nearest float32, bool becomes 0 and 1.
 */
export function toFloat32(tensor: WeightTensor): Float32Array {
  switch (tensor.dtype) {
    case 'float32':
      return tensor.data
    case 'float16':
      return float16ToFloat32(tensor.data)
    case 'bfloat16':
      return bfloat16ToFloat32(tensor.data)
    case 'int64':
    case 'uint64':
      return Float32Array.from(tensor.data as ArrayLike<unknown> as ArrayLike<bigint>, Number)
    default:
      return Float32Array.from(tensor.data)
  }
}

/**
 * The tensor with its floats in another format, each rounded once to the nearest value, ties to even. What is too
 * large for float16 becomes infinite. Integer and bool tensors, and those that have the dtype already, are
 * returned as they are.
 */
export function convertFloats(tensor: WeightTensor, dtype: FloatTarget): WeightTensor {
  const { shape } = tensor
  if (tensor.dtype === dtype) return tensor
  switch (tensor.dtype) {
    case 'float64': {
      if (dtype === 'float32') return { dtype, shape, data: Float32Array.from(tensor.data) }
      const odd = float64ToOddFloat32(tensor.data)
      return { dtype, shape, data: dtype === 'float16' ? float32ToFloat16(odd) : float32ToBfloat16(odd) }
    }
    case 'float32':
    case 'float16':
    case 'bfloat16': {
      const wide = toFloat32(tensor)
      if (dtype === 'float32') return { dtype, shape, data: wide }
      return { dtype, shape, data: dtype === 'float16' ? float32ToFloat16(wide) : float32ToBfloat16(wide) }
    }
    default:
      return tensor
  }
}
