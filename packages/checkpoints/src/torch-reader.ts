import { type ByteOrder, hostByteOrder, swapBytes } from './byte-order.ts'
import { dtypeBytes } from './dtype.ts'
import { MalformedFileError, RefusedGlobalError, TooLargeError } from './errors.ts'
import { unpickle } from './pickle.ts'
import { PickleProblem, PickleRefusal, type PickleValue } from './pickle-values.ts'
import { quoted } from './quoted-name.ts'
import { notFound } from './safetensors-read.ts'
import type { Source } from './source.ts'
import type { TorchStorage } from './torch-tensor.ts'
import { type TorchTree, torchTree } from './torch-tree.ts'
import { torchVocabulary } from './torch-vocabulary.ts'
import type { TensorInfo, WeightsFormat, WeightsReader, WeightTensor } from './weights.ts'

/** Longest pickle that is read, in bytes. The one of a model with ten thousand tensors has about two million. */
export const maxPickleBytes = 2 ** 27

/** A tensor may repeat stored elements (stride 0), but not become larger than this or the whole file. */
const smallTensorBytes = 2 ** 20

/** What a pickle describes: tensors, plain values, and the storages that the tensors are views of. */
export interface TorchContent extends TorchTree {
  readonly storages: ReadonlyMap<string, TorchStorage>
  /** The byte after the pickle. */
  readonly end: number
}

/** Reads the pickle of a PyTorch file that begins at `start`. */
export function readTorchPickle(bytes: Uint8Array, start: number, source: Source): TorchContent {
  return namingSource(source.name, () => {
    const { vocabulary, storages } = torchVocabulary()
    const { value, end } = unpickle(bytes, start, vocabulary)
    const tree = torchTree(value, end - start)
    checkTensors(tree, source)
    return { ...tree, storages, end }
  })
}

/** A pickle that may hold only plain values: one of the small ones around the main one of a legacy file. */
export function readPlainPickle(
  bytes: Uint8Array,
  start: number,
  source: string,
): { value: PickleValue; end: number } {
  const persistent = () => {
    throw new PickleProblem('it refers to a storage where none can be')
  }
  const vocabulary = { names: new Map(), persistent, build: persistent }
  return namingSource(source, () => unpickle(bytes, start, vocabulary))
}

/** The reader over the tensors of a file, whichever of the two forms it has. */
export function torchReader(facts: {
  source: Source
  format: WeightsFormat
  content: TorchContent
  byteOrder: ByteOrder
  /** Where the bytes of a storage begin. */
  locate: (storage: TorchStorage, signal: AbortSignal | undefined) => Promise<number>
}): WeightsReader {
  const { source, content, locate } = facts
  return {
    name: source.name,
    format: facts.format,
    size: source.size,
    tensors: tensorInfos(content),
    metadata: Object.create(null),
    values: content.values,
    async read(name, options) {
      const tensor = content.tensors.get(name)
      if (!tensor) throw notFound(source.name, name, content.tensors)
      const { dtype, shape, range, count } = tensor
      const signal = options?.signal
      signal?.throwIfAborted()
      const start = count === 0 ? 0 : await locate(tensor.storage, signal)
      const bytes =
        count === 0 ? new Uint8Array(0) : await source.read(start + range.start, start + range.end, signal)
      const ordered = facts.byteOrder === hostByteOrder ? bytes : swapped(bytes, dtypeBytes(dtype))
      return { dtype, shape, data: tensor.elements(ordered) } as WeightTensor
    },
    async place(name, options) {
      const tensor = content.tensors.get(name)
      if (!tensor) throw notFound(source.name, name, content.tensors)
      const { bytes, dtype, range, isContiguous } = tensor
      const swaps = facts.byteOrder !== hostByteOrder && dtypeBytes(dtype) > 1
      if (swaps || !isContiguous || bytes === 0) return undefined
      const offset = (await locate(tensor.storage, options?.signal)) + range.start
      return { offset, length: bytes }
    },
    close: () => source.close(),
  }
}

function tensorInfos({ tensors }: TorchContent): ReadonlyMap<string, TensorInfo> {
  const first = new Map<string, string>()
  const infos = new Map<string, TensorInfo>()
  for (const [name, { dtype, shape, bytes, identity }] of tensors) {
    const sameAs = bytes > 0 ? first.get(identity) : undefined
    if (sameAs === undefined) first.set(identity, name)
    infos.set(name, { dtype, shape, bytes, ...(sameAs !== undefined && { sameAs }) })
  }
  return infos
}

function swapped(bytes: Uint8Array, size: 1 | 2 | 4 | 8): Uint8Array {
  const own = new Uint8Array(bytes)
  swapBytes(own, size)
  return own
}

function checkTensors({ tensors }: TorchTree, { name: source, size }: Source): void {
  const problems: string[] = []
  const limit = Math.max(size, smallTensorBytes)
  for (const [name, tensor] of tensors) {
    const problem = tensor.problem
    if (problem) problems.push(`${quoted(name)} ${problem}`)
    else if (tensor.bytes > limit) {
      throw new TooLargeError({
        source,
        what: `the tensor ${quoted(name)} [${tensor.shape}]`,
        bytes: tensor.bytes,
        limit,
        advice: 'It repeats few stored numbers many times; save it contiguous, or not at all.',
      })
    }
  }
  if (problems.length > 0) throw new MalformedFileError({ source, format: 'PyTorch', problems })
}

/** Gives the errors of the pickle machine the name of the file. */
function namingSource<T>(source: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof PickleRefusal) throw new RefusedGlobalError({ source, globals: error.globals })
    if (!(error instanceof PickleProblem)) throw error
    throw new MalformedFileError({
      source,
      format: 'PyTorch',
      problems: [`in its pickle, ${error.message}`],
      cause: error,
    })
  }
}
