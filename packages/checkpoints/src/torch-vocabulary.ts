import type { Dtype } from './dtype.ts'
import { numpyNames, setNumpyState } from './numpy-scalar.ts'
import {
  describe,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleObject,
  PickleProblem,
  PickleTuple,
  type PickleValue,
  type PickleVocabulary,
} from './pickle-values.ts'
import { TorchStorage, TorchTensor } from './torch-tensor.ts'

/** Storage classes of PyTorch. An untyped one counts bytes; its tensors bring their dtype. */
const storageDtypes: ReadonlyMap<string, Dtype | 'untyped'> = new Map([
  ['torch.DoubleStorage', 'float64'],
  ['torch.FloatStorage', 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'bool'],
  ['torch.storage.UntypedStorage', 'untyped'],
  ['torch.storage._UntypedStorage', 'untyped'],
])

const torchDtypes: ReadonlyMap<string, Dtype> = new Map([
  ['torch.float64', 'float64'],
  ['torch.float32', 'float32'],
  ['torch.float16', 'float16'],
  ['torch.bfloat16', 'bfloat16'],
  ['torch.int64', 'int64'],
  ['torch.int32', 'int32'],
  ['torch.int16', 'int16'],
  ['torch.int8', 'int8'],
  ['torch.uint64', 'uint64'],
  ['torch.uint32', 'uint32'],
  ['torch.uint16', 'uint16'],
  ['torch.uint8', 'uint8'],
  ['torch.bool', 'bool'],
])

/** Classes that a tensor can be marked with. They change nothing about its numbers. */
const tensorClasses = ['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer']

/** PyTorch numbers storages, or calls them by their address in memory. */
const longestKey = 100

type Make = (args: readonly PickleValue[]) => PickleValue

/** Every name that is permitted to make something, and what of. This is the whole list. */
const makers: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['collections.OrderedDict', orderedDict],
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildUntypedTensor],
  ['torch._utils._rebuild_parameter', ([data]) => tensorArgument(data)],
  ['torch._utils._rebuild_parameter_with_state', ([data]) => tensorArgument(data)],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ['torch.Size', ([items]) => (items instanceof PickleTuple ? items : new PickleTuple([]))],
  ['torch.device', device],
  ['builtins.set', setOf],
  ['__builtin__.set', setOf],
  ['_codecs.encode', encode],
  ...numpyNames,
])

/** The names of PyTorch's own files. Every other is refused. */
const names: PickleVocabulary['names'] = new Map([
  ...[...storageDtypes.keys(), ...torchDtypes.keys(), ...tensorClasses].map((name) => [name, null] as const),
  ...makers,
])

/** A vocabulary that gathers the storages which one file refers to. */
export function torchVocabulary(): {
  vocabulary: PickleVocabulary
  storages: ReadonlyMap<string, TorchStorage>
} {
  const storages = new Map<string, TorchStorage>()
  const persistent = (id: PickleValue): PickleValue => {
    const storage = storageOf(id)
    const known = storages.get(storage.key)
    if (known && (known.dtype !== storage.dtype || known.elements !== storage.elements)) {
      throw new PickleProblem(`storage ${storage.key} is described in two ways`)
    }
    if (!known) storages.set(storage.key, storage)
    return new PickleObject(storage)
  }
  return { vocabulary: { names, persistent, build: setNumpyState }, storages }
}

function storageOf(id: PickleValue): TorchStorage {
  if (!(id instanceof PickleTuple))
    throw new PickleProblem(`it refers to ${describe(id)} instead of a storage`)
  const [kind, type, key, , elements, view] = id.items
  if (kind !== 'storage') throw new PickleProblem(`it refers to ${describe(kind)} instead of a storage`)
  const dtype = type instanceof PickleGlobal ? storageDtypes.get(type.name) : undefined
  if (!dtype) throw new PickleProblem(`the class of a storage is ${describe(type)}`)
  if (typeof key !== 'string' && typeof key !== 'number') throw new PickleProblem('a storage has no key')
  if (String(key).length > longestKey) {
    throw new PickleProblem(`the key of a storage is longer than ${longestKey} characters`)
  }
  const storage = new TorchStorage(String(key), dtype, count(elements, 'the length of a storage'))
  if (!(view instanceof PickleTuple)) return storage
  // Files of before 2018 describe a storage inside another: (key, first element, number of elements).
  const [, first, length] = view.items
  return storage.part(count(first, 'the start of a storage'), count(length, 'the length of a storage'))
}

function orderedDict(args: readonly PickleValue[]): PickleValue {
  const dict = new PickleDict()
  const [pairs] = args
  if (pairs === undefined) return dict
  if (!(pairs instanceof PickleList)) throw new PickleProblem(`an OrderedDict is made of ${describe(pairs)}`)
  for (const pair of pairs.items) {
    const [key, value] = pair instanceof PickleList || pair instanceof PickleTuple ? pair.items : []
    if (key === undefined || value === undefined)
      throw new PickleProblem('an OrderedDict has an item without value')
    dict.set(key, value)
  }
  return dict
}

/** (storage, offset, size, strides, requires_grad, hooks, flags) */
function rebuildTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, offset, shape, strides, , , flags] = args
  const content = storageArgument(storage)
  if (content.dtype === 'untyped') throw new PickleProblem('a tensor has a storage without a dtype')
  checkFlags(flags)
  return tensor(content, content.dtype, offset, shape, strides)
}

/** (storage, offset, size, strides, requires_grad, hooks, dtype, flags) */
function rebuildUntypedTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, offset, shape, strides, , , dtypeName, flags] = args
  const dtype = dtypeName instanceof PickleGlobal ? torchDtypes.get(dtypeName.name) : undefined
  if (!dtype) throw new PickleProblem(`the dtype of a tensor is ${describe(dtypeName)}`)
  checkFlags(flags)
  return tensor(storageArgument(storage), dtype, offset, shape, strides)
}

/** (function, class, its arguments, attributes) */
function rebuildFromType(args: readonly PickleValue[]): PickleValue {
  const [callee, type, inner] = args
  const make = callee instanceof PickleGlobal ? makers.get(callee.name) : undefined
  if (!make || make === rebuildFromType) throw new PickleProblem(`a tensor is made by ${describe(callee)}`)
  if (!(type instanceof PickleGlobal && tensorClasses.includes(type.name))) {
    throw new PickleProblem(`a tensor is of the class ${describe(type)}`)
  }
  if (!(inner instanceof PickleTuple)) throw new PickleProblem('a tensor is made of nothing')
  return tensorArgument(make(inner.items))
}

function tensor(
  storage: TorchStorage,
  dtype: Dtype,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
): PickleObject {
  return new PickleObject(
    new TorchTensor({
      storage,
      dtype,
      offset: count(offset, 'the offset of a tensor'),
      shape: counts(shape, 'the shape of a tensor'),
      strides: counts(strides, 'the strides of a tensor'),
    }),
  )
}

/** ('cuda', 0), or ('cpu',): as Python prints it. */
function device(args: readonly PickleValue[]): PickleValue {
  const [type, index] = args
  if (typeof type !== 'string' || type.length > 40) throw new PickleProblem(`a device is ${describe(type)}`)
  return typeof index === 'number' ? `${type}:${index}` : type
}

function setOf([items]: readonly PickleValue[]): PickleValue {
  return items instanceof PickleList ? items : new PickleList()
}

/** Python 3 writes bytes in old protocols as text to be encoded, one character a byte. */
function encode([text, encoding]: readonly PickleValue[]): PickleValue {
  if (typeof text !== 'string' || encoding !== 'latin1')
    throw new PickleProblem('bytes are encoded in no known way')
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 255) throw new PickleProblem('bytes are encoded as characters beyond 255')
    bytes[i] = code
  }
  return bytes
}

/** A tensor may be flagged as the conjugate or the negative of what is stored. */
function checkFlags(flags: PickleValue | undefined): void {
  if (!(flags instanceof PickleDict)) return
  for (const [flag, value] of flags.entries()) {
    if (value) throw new PickleProblem(`a tensor is stored with the flag ${describe(flag)}`)
  }
}

function storageArgument(value: PickleValue | undefined): TorchStorage {
  if (value instanceof PickleObject && value.content instanceof TorchStorage) return value.content
  throw new PickleProblem(`a tensor has ${describe(value)} for its storage`)
}

function tensorArgument(value: PickleValue | undefined): PickleObject {
  if (value instanceof PickleObject && value.content instanceof TorchTensor) return value
  throw new PickleProblem(`a parameter is made of ${describe(value)}`)
}

function counts(value: PickleValue | undefined, what: string): number[] {
  if (!(value instanceof PickleTuple || value instanceof PickleList)) {
    throw new PickleProblem(`${what} is ${describe(value)}`)
  }
  if (value.items.length > 64) throw new PickleProblem(`${what} has ${value.items.length} dimensions`)
  return value.items.map((item) => count(item, what))
}

function count(value: PickleValue | undefined, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new PickleProblem(`${what} is ${describe(value)}`)
}
