import type { ParameterKind } from './parameters.ts'

/** Which axis of the file's tensor is which in memory: axis i is axis `memoryOrder(kind)[i]`; the same where it is empty. */
export function memoryOrder(kind: ParameterKind): readonly number[] {
  if (kind === 'conv2d') return [2, 3, 1, 0]
  if (kind === 'conv1d' || kind === 'linear' || kind === 'positional') return [1, 0]
  return []
}

/** The shape in memory of a tensor with the given shape in a file. */
export function memoryShape(kind: ParameterKind, shape: readonly number[]): number[] {
  const order = memoryOrder(kind)
  return order.length > 0 ? order.map((axis) => shape[axis] ?? 1) : [...shape]
}

/** File layout → memory: OIHW → HWIO, `[out, in(, 1)]` → `[in, out]`, `[C, T]` → `[T, C]`. */
export function toMemory(kind: ParameterKind, shape: readonly number[], data: Float32Array): Float32Array {
  const [a = 1, b = 1, h = 1, w = 1] = shape
  if (kind === 'vector' || kind === 'embedding') return data
  return transposeMatrix(data, a, kind === 'conv2d' ? { columns: b, inner: h * w } : { columns: b, inner: 1 })
}

/** Memory → file layout, the inverse of `toMemory`. `shape` is the file's. */
export function toFile(kind: ParameterKind, shape: readonly number[], data: Float32Array): Float32Array {
  const [a = 1, b = 1, h = 1, w = 1] = shape
  if (kind === 'vector' || kind === 'embedding') return data
  const inner = kind === 'conv2d' ? h * w : 1
  const result = new Float32Array(data.length)
  for (let o = 0; o < a; o++)
    for (let i = 0; i < b; i++)
      for (let k = 0; k < inner; k++) result[(o * b + i) * inner + k] = data[(k * b + i) * a + o] as number
  return result
}

/** `[rows, columns, inner]` → `[inner, columns, rows]`. */
function transposeMatrix(
  data: Float32Array,
  rows: number,
  { columns, inner }: { columns: number; inner: number },
): Float32Array {
  const result = new Float32Array(data.length)
  for (let i = 0; i < columns; i++)
    for (let k = 0; k < inner; k++) {
      const start = (k * columns + i) * rows
      for (let o = 0; o < rows; o++) result[start + o] = data[(o * columns + i) * inner + k] as number
    }
  return result
}
