import { hostByteOrder, swapBytes } from './byte-order.ts'
import { type Dtype, dtypeBytes, elementsOf } from './dtype.ts'
import { TensorNotFoundError } from './errors.ts'
import { headerLength, parseHeader } from './safetensors-header.ts'
import { plainBytes, type Source } from './source.ts'
import type { Weights, WeightsReader, WeightTensor } from './weights.ts'

/** Opens a safetensors file: reads and checks its header, nothing else. */
export async function openSafetensors(source: Source, signal?: AbortSignal): Promise<WeightsReader> {
  const { name, size } = source
  const length = headerLength(await source.read(0, Math.min(8, size), signal), name, size)
  const start = 8 + length
  const { tensors, metadata } = parseHeader(await source.read(8, start, signal), name, size - start)
  return {
    name,
    format: 'safetensors',
    size,
    tensors,
    metadata,
    values: Object.create(null),
    async read(tensor, options) {
      const entry = tensors.get(tensor)
      if (!entry) throw notFound(name, tensor, tensors)
      const from = start + entry.begin
      const bytes = await source.read(from, from + entry.bytes, options?.signal)
      return {
        dtype: entry.dtype,
        shape: entry.shape,
        data: littleEndian(entry.dtype, bytes),
      } as WeightTensor
    },
    async place(tensor) {
      const entry = tensors.get(tensor)
      if (!entry) throw notFound(name, tensor, tensors)
      const swaps = hostByteOrder !== 'little' && dtypeBytes(entry.dtype) > 1
      if (swaps || entry.bytes === 0) return undefined
      return { offset: start + entry.begin, length: entry.bytes }
    },
    close: () => source.close(),
  }
}

/** Reads a safetensors file that is in memory. The tensors may share its memory. */
export function readSafetensors(given: Uint8Array): Weights {
  const name = 'bytes'
  const bytes = plainBytes(given)
  const length = headerLength(bytes, name, bytes.length)
  const data = bytes.subarray(8 + length)
  const { tensors, metadata } = parseHeader(bytes.subarray(8, 8 + length), name, data.length)
  const read = new Map<string, WeightTensor>()
  for (const [tensor, { dtype, shape, begin, bytes: size }] of tensors) {
    const elements = littleEndian(dtype, data.subarray(begin, begin + size))
    read.set(tensor, { dtype, shape, data: elements } as WeightTensor)
  }
  return { tensors: read, metadata, values: Object.create(null) }
}

function littleEndian(dtype: Dtype, bytes: Uint8Array): WeightTensor['data'] {
  if (hostByteOrder === 'little') return elementsOf(dtype, bytes)
  const own = new Uint8Array(bytes)
  swapBytes(own, dtypeBytes(dtype))
  return elementsOf(dtype, own)
}

/** The error for a name that a file does not have, with the names that are most like it first. */
export function notFound(
  source: string,
  wanted: string,
  tensors: ReadonlyMap<string, unknown>,
): TensorNotFoundError {
  const last = wanted.slice(wanted.lastIndexOf('.') + 1)
  const names = [...tensors.keys()]
  const similar = names.filter((name) => name.endsWith(wanted) || wanted.endsWith(name))
  const related = names.filter((name) => name.endsWith(`.${last}`))
  const available = [...new Set([...similar, ...related, ...names])]
  return new TensorNotFoundError({ source, wanted: `tensor ${JSON.stringify(wanted)}`, available })
}
