export type GoldenData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array

export interface GoldenTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: GoldenData
}

/** One case: its configuration, its tensors in PyTorch's layouts, and the largest error allowed. */
export interface GoldenCase {
  readonly name: string
  readonly case: Readonly<Record<string, unknown>>
  readonly tensors: ReadonlyMap<string, GoldenTensor>
  readonly tolerance: number
}

/** A case from the bytes of its file. */
export function readGolden(name: string, bytes: Uint8Array): GoldenCase {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerLength = Number(view.getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)))
  const { __metadata__: metadata = {}, ...entries } = header
  const facts = JSON.parse(metadata.case ?? '{}')
  const tensors = new Map<string, GoldenTensor>()
  for (const [key, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = entry as {
      dtype: string
      shape: number[]
      data_offsets: [number, number]
    }
    const [start, end] = data_offsets
    const copy = Uint8Array.from(bytes.subarray(8 + headerLength + start, 8 + headerLength + end))
    tensors.set(key, { dtype, shape, data: typed(dtype, copy.buffer) })
  }
  return { name, case: facts, tensors, tolerance: facts.tolerance ?? 1e-5 }
}

function typed(dtype: string, buffer: ArrayBuffer): GoldenData {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F64':
      return new Float64Array(buffer)
    case 'I32':
      return new Int32Array(buffer)
    case 'I64':
      return new BigInt64Array(buffer)
    case 'U8':
      return new Uint8Array(buffer)
    default:
      throw new Error(`Golden vectors hold no ${dtype}.`)
  }
}

/** The weights of a case, which are not stored but generated: see vectors/README.md. */
export function goldenWeights(
  salt: string,
  keys: Readonly<Record<string, readonly number[]>>,
): Map<string, { shape: number[]; data: Float32Array }> {
  return new Map(
    Object.entries(keys).map(([key, shape]) => [key, { shape: [...shape], data: values(salt, key, shape) }]),
  )
}

function values(salt: string, key: string, shape: readonly number[]): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1)
  const start = fnv1a(`${salt}:${key}`)
  const fanIn = size / (shape[0] ?? 1)
  const data = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    const u = hash32((start + Math.imul(i, 0x9e3779b9)) >>> 0) / 2 ** 31 - 1
    if (shape.length === 1) data[i] = 0.1 * u + (key.endsWith('.weight') ? 1 : 0)
    else data[i] = key.endsWith('positional_embedding') ? 0.1 * u : u * Math.sqrt(3 / fanIn)
  }
  return data
}

export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

export function hash32(x: number): number {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}

/** The largest absolute difference, relative to the largest absolute expected value where that exceeds 1. */
export function goldenError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let largest = 1
  let difference = 0
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i] as number))
    const d = Math.abs((actual[i] as number) - (expected[i] as number))
    if (!(d <= difference)) difference = d
  }
  return difference / largest
}
