import type { ByteOrder } from './byte-order.ts'
import { MalformedFileError, TooLargeError, UnsupportedFileError } from './errors.ts'
import { latin1 } from './pickle-bytes.ts'
import { quoted } from './quoted-name.ts'
import type { Source } from './source.ts'
import { maxPickleBytes, readTorchPickle, torchReader } from './torch-reader.ts'
import type { TorchStorage } from './torch-tensor.ts'
import type { WeightsReader } from './weights.ts'
import { locateEntry, type ZipEntry } from './zip-directory.ts'

/**
 * A PyTorch file of today is a zip archive of stored entries under one folder of any name: `data.pkl` describes the
 * tensors, `data/0`, `data/1`, … are their storages, `byteorder` says how these are laid out.
 */
export async function openTorchZip(
  source: Source,
  directory: ReadonlyMap<string, ZipEntry>,
  signal?: AbortSignal,
): Promise<WeightsReader> {
  const pickle = pickleOf(directory, source.name)
  const prefix = pickle.name.slice(0, -'data.pkl'.length)
  const deflated = [...directory.values()].filter((entry) => entry.method === 'deflated')
  if (deflated.length > 0) {
    throw new UnsupportedFileError({
      source: source.name,
      features: deflated.map((entry) => `compression of ${quoted(entry.name)}`),
      advice: 'PyTorch stores its entries; pack the archive again without compression (zip -0).',
    })
  }
  if (pickle.size > maxPickleBytes) {
    throw new TooLargeError({
      source: source.name,
      what: 'the description of its tensors',
      bytes: pickle.size,
      limit: maxPickleBytes,
      advice: 'Save only the state dict.',
    })
  }
  const content = readTorchPickle(await contentOf(source, pickle, signal), 0, source)
  const entries = storageEntries(content.storages, directory, prefix, source.name)
  const places = new Map<string, number>()
  return torchReader({
    source,
    format: 'torch-zip',
    content,
    byteOrder: await byteOrderOf(source, directory.get(`${prefix}byteorder`), signal),
    async locate({ key }, abort) {
      const place = places.get(key) ?? (await locateEntry(source, entries.get(key) as ZipEntry, abort)).start
      places.set(key, place)
      return place
    },
  })
}

/** Whether an archive is one of PyTorch's. */
export function isTorchZip(directory: ReadonlyMap<string, ZipEntry>): boolean {
  return [...directory.keys()].some(isPickleName)
}

function isPickleName(name: string): boolean {
  return name === 'data.pkl' || name.endsWith('/data.pkl')
}

function pickleOf(directory: ReadonlyMap<string, ZipEntry>, source: string): ZipEntry {
  const found = [...directory.values()].filter((entry) => isPickleName(entry.name))
  if (found.length === 1) return found[0] as ZipEntry
  throw new MalformedFileError({
    source,
    format: 'PyTorch',
    problems: [`it has ${found.length} entries called data.pkl, expected one`],
  })
}

async function contentOf(
  source: Source,
  entry: ZipEntry,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { start, end } = await locateEntry(source, entry, signal)
  return source.read(start, end, signal)
}

async function byteOrderOf(
  source: Source,
  entry: ZipEntry | undefined,
  signal: AbortSignal | undefined,
): Promise<ByteOrder> {
  // Files of before 2023 do not say; they were written on little-endian machines.
  if (!entry) return 'little'
  const order = entry.size <= 16 ? latin1(await contentOf(source, entry, signal)) : 'too long'
  if (order === 'little' || order === 'big') return order
  throw new MalformedFileError({
    source: source.name,
    format: 'PyTorch',
    problems: [`its byte order is ${JSON.stringify(order)}, expected little or big`],
  })
}

function storageEntries(
  storages: ReadonlyMap<string, TorchStorage>,
  directory: ReadonlyMap<string, ZipEntry>,
  prefix: string,
  source: string,
): ReadonlyMap<string, ZipEntry> {
  const problems: string[] = []
  const entries = new Map<string, ZipEntry>()
  for (const { key, bytes } of storages.values()) {
    const entry = directory.get(`${prefix}data/${key}`)
    if (!entry) problems.push(`storage ${key} is missing`)
    else if (entry.size !== bytes) problems.push(`storage ${key} has ${entry.size} bytes, expected ${bytes}`)
    else entries.set(key, entry)
  }
  if (problems.length > 0) throw new MalformedFileError({ source, format: 'PyTorch', problems })
  return entries
}
