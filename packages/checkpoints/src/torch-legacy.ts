import { MalformedFileError, TruncatedFileError } from './errors.ts'
import { describe, PickleEnd, PickleList, type PickleValue } from './pickle-values.ts'
import { quoted } from './quoted-name.ts'
import type { Source } from './source.ts'
import {
  maxPickleBytes,
  readPlainPickle,
  readTorchPickle,
  type TorchContent,
  torchReader,
} from './torch-reader.ts'
import type { TorchStorage } from './torch-tensor.ts'
import type { WeightsReader } from './weights.ts'

/**
 * Before 1.6 a PyTorch file was: a pickled magic number, a version, facts about the machine, the pickle that
 * describes the tensors, the list of the keys of their storages; then for each storage its length as a 64-bit
 * integer and its bytes, always little-endian.
 */
const magic = 0x1950a86a20f9469cfc6cn
const version = 1001

/** The first bytes: protocol 2, and the magic number as a whole number of ten bytes. */
const firstBytes = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]

/** Whether a file begins as the legacy form does, in protocol 2 as PyTorch writes it. */
export function isTorchLegacy(first: Uint8Array): boolean {
  return firstBytes.every((byte, index) => first[index] === byte)
}

export async function openTorchLegacy(source: Source, signal?: AbortSignal): Promise<WeightsReader> {
  const { content, keys, end } = await readPickles(source, signal)
  const places = placeStorages(content, keys, end, source)
  const checked = new Set<string>()
  return torchReader({
    source,
    format: 'torch-legacy',
    content,
    byteOrder: 'little',
    async locate(storage, abort) {
      const start = places.get(storage.key) as number
      if (!checked.has(storage.key)) await checkLength(source, storage, start, abort)
      checked.add(storage.key)
      return start
    },
  })
}

interface Pickles {
  readonly content: TorchContent
  readonly keys: readonly string[]
  readonly end: number
}

/** The pickles do not tell how long they are: take more of the file until they are complete. */
async function readPickles(source: Source, signal: AbortSignal | undefined): Promise<Pickles> {
  for (let length = 2 ** 18; ; length *= 4) {
    signal?.throwIfAborted()
    const taken = Math.min(length, source.size, maxPickleBytes)
    try {
      return parsePickles(await source.read(0, taken, signal), source)
    } catch (error) {
      const incomplete = error instanceof MalformedFileError && error.cause instanceof PickleEnd
      if (!incomplete) throw error
      if (taken === source.size) {
        throw new TruncatedFileError({
          source: source.name,
          size: source.size,
          needed: source.size + 1,
          what: 'the description of its tensors',
        })
      }
      if (taken === maxPickleBytes) throw error
    }
  }
}

function parsePickles(bytes: Uint8Array, source: Source): Pickles {
  const fail = (problem: string): never => {
    throw new MalformedFileError({ source: source.name, format: 'PyTorch', problems: [problem] })
  }
  const first = readPlainPickle(bytes, 0, source.name)
  if (first.value !== magic) fail('it does not begin with the magic number')
  const second = readPlainPickle(bytes, first.end, source.name)
  if (second.value !== version) fail(`its version is ${describe(second.value)}, expected ${version}`)
  const machine = readPlainPickle(bytes, second.end, source.name)
  const content = readTorchPickle(bytes, machine.end, source)
  const list = readPlainPickle(bytes, content.end, source.name)
  const items =
    list.value instanceof PickleList ? list.value.items : fail('the keys of its storages are no list')
  return { content, keys: items.map(keyOf), end: list.end }
}

function keyOf(item: PickleValue): string {
  return typeof item === 'number' ? String(item) : typeof item === 'string' ? item : describe(item)
}

function placeStorages(
  { storages }: TorchContent,
  keys: readonly string[],
  start: number,
  { name: source, size }: Source,
): ReadonlyMap<string, number> {
  const problems: string[] = []
  const places = new Map<string, number>()
  let at = start
  for (const key of keys) {
    const storage = storages.get(key)
    if (!storage) problems.push(`storage ${quoted(key)} is listed, but not described`)
    else if (places.has(key)) problems.push(`storage ${key} is listed twice`)
    else {
      places.set(key, at + 8)
      at += 8 + storage.bytes
    }
  }
  for (const key of storages.keys()) if (!places.has(key)) problems.push(`storage ${key} is missing`)
  if (problems.length > 0) throw new MalformedFileError({ source, format: 'PyTorch', problems })
  if (at > size) throw new TruncatedFileError({ source, size, needed: at, what: 'its last storage' })
  return places
}

async function checkLength(
  source: Source,
  { key, elements }: TorchStorage,
  start: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = await source.read(start - 8, start, signal)
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true)
  if (length === BigInt(elements)) return
  throw new MalformedFileError({
    source: source.name,
    format: 'PyTorch',
    problems: [`storage ${key} has ${length} elements, expected ${elements}`],
  })
}
