import { writeFileBeside } from '#file-writer'
import { hostByteOrder, swapBytes } from './byte-order.ts'
import { convertFloats, type FloatTarget } from './convert.ts'
import { bytesOf, type Dtype, dtypeBytes, elementCount, holdsDtype, isFloating } from './dtype.ts'
import { WeightsValueError } from './errors.ts'
import { headerDtype, maxHeaderBytes } from './safetensors-header.ts'
import type { Progress, TensorInfo, WeightsReader, WeightTensor } from './weights.ts'

export interface SafetensorsOptions {
  /** Format of all floating-point tensors; integers and bools stay. @default each as it is */
  readonly dtype?: FloatTarget | undefined
  /** Text pairs for the header, beside those that the weights bring; equal keys replace theirs. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export interface SaveOptions extends SafetensorsOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Tensors to be written: a set in memory, or an open file of any format. */
export type WritableWeights =
  | {
      readonly tensors: ReadonlyMap<string, WeightTensor>
      readonly metadata?: Readonly<Record<string, string>>
    }
  | WeightsReader

/** The bytes of a safetensors file. The same weights always give the same bytes. */
export function writeSafetensors(
  weights: Exclude<WritableWeights, WeightsReader>,
  options: SafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  checkTensors(weights.tensors)
  const plan = planOf(weights, options)
  const file = new Uint8Array(plan.total)
  file.set(plan.head)
  let at = plan.head.length
  for (const [name, info] of plan.tensors) {
    const content = contentOf(name, weights.tensors.get(name)!, info, options.dtype)
    file.set(content, at)
    at += content.length
  }
  return file
}

/**
 * Writes a safetensors file, one tensor at a time: beside `path` first, flushed to the disk, then renamed, so that
 * `path` never holds a part of it. The weights may be an open reader; then no more than one tensor is in memory.
 *
 * @throws WeightsValueError for shapes that do not fit their data, and for numbers too large for float16
 */
export async function saveSafetensors(
  path: string | URL,
  weights: WritableWeights,
  options: SaveOptions = {},
): Promise<void> {
  if (!isReader(weights)) checkTensors(weights.tensors)
  const plan = planOf(weights, options)
  const { signal, onProgress } = options
  await writeFileBeside(
    path,
    (async function* () {
      yield plan.head
      let loaded = plan.head.length
      for (const [name, info] of plan.tensors) {
        signal?.throwIfAborted()
        const tensor = isReader(weights) ? await weights.read(name, { signal }) : weights.tensors.get(name)!
        const content = contentOf(name, tensor, info, options.dtype)
        yield content
        loaded += content.length
        onProgress?.({ loaded, total: plan.total })
      }
    })(),
    signal,
  )
}

interface Plan {
  /** Length, header and padding. */
  readonly head: Uint8Array
  readonly tensors: readonly (readonly [string, Omit<TensorInfo, 'bytes'>])[]
  readonly total: number
}

/** Header and order of the file: wide elements first, so that all are aligned; then by name. */
function planOf(
  { tensors, metadata }: { tensors: ReadonlyMap<string, Omit<TensorInfo, 'bytes'>>; metadata?: object },
  options: SafetensorsOptions,
): Plan {
  const ordered = [...tensors]
    .map(([name, { dtype, shape }]) => [name, { dtype: written(dtype, options.dtype), shape }] as const)
    .sort(([nameA, a], [nameB, b]) => rank(b.dtype) - rank(a.dtype) || compareText(nameA, nameB))
  const header: [string, unknown][] = []
  const texts = Object.entries({ ...metadata, ...options.metadata }).sort(([a], [b]) => compareText(a, b))
  const problems = texts.flatMap(([key, text]) =>
    typeof text === 'string' ? [] : [`the metadata ${JSON.stringify(key)} is not text`],
  )
  if (texts.length > 0) header.push(['__metadata__', Object.fromEntries(texts)])
  let end = 0
  for (const [name, { dtype, shape }] of ordered) {
    if (name === '__metadata__') problems.push('__metadata__ cannot be the name of a tensor')
    const begin = end
    end += elementCount(shape)! * dtypeBytes(dtype)
    header.push([name, { dtype: headerDtype(dtype), shape, data_offsets: [begin, end] }])
  }
  // Written by hand: an object would put names that look like numbers first.
  const json = header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  const text = new TextEncoder().encode(`{${json.join(',')}}`)
  const length = Math.ceil(text.length / 8) * 8
  if (length > maxHeaderBytes) problems.push(`their header would be ${length} bytes long`)
  if (problems.length > 0) {
    throw new WeightsValueError({ problems, advice: 'Change the metadata or the names of the tensors.' })
  }
  const head = new Uint8Array(8 + length).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true)
  head.set(text, 8)
  return { head, tensors: ordered, total: head.length + end }
}

const order: readonly Dtype[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'uint16',
  'float16',
  'bfloat16',
  'int32',
  'uint32',
  'float32',
  'float64',
  'int64',
  'uint64',
]

function rank(dtype: Dtype): number {
  return order.indexOf(dtype)
}

/** By code points, as UTF-8 bytes compare. */
function compareText(a: string, b: string): number {
  const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!
  return x.length - y.length
}

function written(dtype: Dtype, target: FloatTarget | undefined): Dtype {
  return target && isFloating(dtype) ? target : dtype
}

function isReader(weights: WritableWeights): weights is WeightsReader {
  return 'read' in weights
}

function checkTensors(tensors: ReadonlyMap<string, WeightTensor>): void {
  const problems: string[] = []
  for (const [name, { dtype, shape, data }] of tensors) {
    const count = elementCount(shape)
    if (count === undefined) problems.push(`${name} has the impossible shape [${shape}]`)
    else if (!holdsDtype(data, dtype)) problems.push(`${name} is ${dtype} in a ${data.constructor.name}`)
    else if (count !== data.length) {
      problems.push(`${name} [${shape}] needs ${count} elements, it has ${data.length}`)
    }
  }
  if (problems.length > 0) {
    throw new WeightsValueError({ problems, advice: 'Give every tensor as many elements as its shape has.' })
  }
}

/** The bytes of one tensor as the file holds them. */
function contentOf(
  name: string,
  tensor: WeightTensor,
  { dtype }: { dtype: Dtype },
  target: FloatTarget | undefined,
): Uint8Array {
  const converted = target ? convertFloats(tensor, target) : tensor
  if (converted !== tensor && dtype === 'float16') checkOverflow(name, tensor, converted.data as Uint16Array)
  const bytes = bytesOf(converted.data)
  if (hostByteOrder === 'little') return bytes
  const own = new Uint8Array(bytes)
  swapBytes(own, dtypeBytes(dtype))
  return own
}

/** A weight that was finite and is infinite in float16 would ruin the model without a word. */
function checkOverflow(name: string, { data }: WeightTensor, half: Uint16Array): void {
  for (let i = 0; i < half.length; i++) {
    if ((half[i]! & 0x7fff) === 0x7c00 && Number.isFinite(Number(data[i]))) {
      throw new WeightsValueError({
        problems: [`${name} holds ${data[i]}, float16 ends at 65504`],
        advice: 'Write bfloat16 or float32 instead.',
      })
    }
  }
}
