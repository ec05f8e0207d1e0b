/** The array that holds a tensor's elements. float16 and bfloat16 are kept as their bits, bool as 0 and 1. */
export interface DtypeArrays {
  float64: Float64Array
  float32: Float32Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int64: BigInt64Array
  int32: Int32Array
  int16: Int16Array
  int8: Int8Array
  uint64: BigUint64Array
  uint32: Uint32Array
  uint16: Uint16Array
  uint8: Uint8Array
  bool: Uint8Array
}

/** What the elements of a stored tensor are. */
export type Dtype = keyof DtypeArrays

interface DtypeTraits {
  /** Size of one element. */
  readonly bytes: 1 | 2 | 4 | 8
  readonly floating: boolean
  readonly array: new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => DtypeArrays[Dtype]
}

const traits: { readonly [D in Dtype]: DtypeTraits } = {
  float64: { bytes: 8, floating: true, array: Float64Array },
  float32: { bytes: 4, floating: true, array: Float32Array },
  float16: { bytes: 2, floating: true, array: Uint16Array },
  bfloat16: { bytes: 2, floating: true, array: Uint16Array },
  int64: { bytes: 8, floating: false, array: BigInt64Array },
  int32: { bytes: 4, floating: false, array: Int32Array },
  int16: { bytes: 2, floating: false, array: Int16Array },
  int8: { bytes: 1, floating: false, array: Int8Array },
  uint64: { bytes: 8, floating: false, array: BigUint64Array },
  uint32: { bytes: 4, floating: false, array: Uint32Array },
  uint16: { bytes: 2, floating: false, array: Uint16Array },
  uint8: { bytes: 1, floating: false, array: Uint8Array },
  bool: { bytes: 1, floating: false, array: Uint8Array },
}

/** Every dtype, widest floats first. */
export const dtypes = Object.keys(traits) as readonly Dtype[]

/** Bytes of one element. */
export function dtypeBytes(dtype: Dtype): 1 | 2 | 4 | 8 {
  return traits[dtype].bytes
}

/** Whether the dtype is one of the four floating-point ones. */
export function isFloating(dtype: Dtype): dtype is 'float64' | 'float32' | 'float16' | 'bfloat16' {
  return traits[dtype].floating
}

/** Whether an array is the kind that holds elements of this dtype. */
export function holdsDtype(data: ArrayBufferView, dtype: Dtype): boolean {
  return data instanceof traits[dtype].array
}

/** The bytes as elements; shares memory when they are aligned for the dtype, copies them otherwise. */
export function elementsOf<D extends Dtype>(dtype: D, bytes: Uint8Array): DtypeArrays[D] {
  const { bytes: size, array } = traits[dtype]
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new array(aligned.buffer, aligned.byteOffset, aligned.byteLength / size) as DtypeArrays[D]
}

/** The memory of an array as bytes, in the machine's byte order. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * Number of elements of a shape; undefined when a dimension is no count or the product leaves 2^53.
 * A zero among the dimensions makes the tensor empty, whatever the others are.
 */
export function elementCount(shape: readonly number[]): number | undefined {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined
  if (shape.includes(0)) return 0
  let count = 1
  for (const size of shape) {
    count *= size
    if (!Number.isSafeInteger(count)) return undefined
  }
  return count
}
