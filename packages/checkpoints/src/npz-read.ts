import { crc32 } from './crc32.ts'
import { MalformedFileError, TooLargeError, UnknownFormatError } from './errors.ts'
import { deflateGrowth, inflate, inflateStart } from './inflate.ts'
import { type NpyHeader, npyHeaderBytes, npyTensor, parseNpyHeader } from './npy.ts'
import { quoted } from './quoted-name.ts'
import { notFound } from './safetensors-read.ts'
import type { Source } from './source.ts'
import type { WeightsReader } from './weights.ts'
import { locateEntry, type ZipEntry } from './zip-directory.ts'

/** A deflated array may grow to this many bytes, or to this many times its packed length. */
const smallArrayBytes = 2 ** 26
const maxGrowth = 100

/** A .npz file is a zip archive of .npy files, stored or deflated. */
export async function openNpz(
  source: Source,
  directory: ReadonlyMap<string, ZipEntry>,
  signal?: AbortSignal,
): Promise<WeightsReader> {
  const arrays = new Map<string, { header: NpyHeader; entry: ZipEntry; start: number }>()
  for (const entry of directory.values()) {
    if (!entry.name.endsWith('.npy')) {
      throw new UnknownFormatError({
        source: source.name,
        found: `a zip archive with the entry ${quoted(entry.name)}`,
      })
    }
    const limit = Math.max(smallArrayBytes, maxGrowth * entry.packedSize)
    if (entry.method === 'deflated' && entry.size > deflateGrowth * entry.packedSize) {
      throw new MalformedFileError({
        source: source.name,
        format: 'zip',
        problems: [`${quoted(entry.name)} cannot become ${entry.size} bytes from ${entry.packedSize}`],
      })
    }
    if (entry.method === 'deflated' && entry.size > limit) {
      throw new TooLargeError({
        source: source.name,
        what: `the array ${quoted(entry.name)}, inflated,`,
        bytes: entry.size,
        limit,
        advice: 'If you trust the file, save it with numpy.savez, without compression.',
      })
    }
    const { start, end } = await locateEntry(source, entry, signal)
    const named = `${source.name}: ${entry.name}`
    const first =
      entry.method === 'stored'
        ? await source.read(start, Math.min(end, start + npyHeaderBytes), signal)
        : inflateStart(
            await source.read(start, Math.min(end, start + npyHeaderBytes), signal),
            npyHeaderBytes,
            named,
          )
    arrays.set(entry.name.slice(0, -'.npy'.length), {
      header: parseNpyHeader(first, named, entry.size),
      entry,
      start,
    })
  }
  return {
    name: source.name,
    format: 'npz',
    size: source.size,
    tensors: new Map(
      [...arrays].map(([name, { header }]) => [
        name,
        { dtype: header.dtype, shape: header.shape, bytes: header.bytes },
      ]),
    ),
    metadata: Object.create(null),
    values: Object.create(null),
    async read(name, options) {
      const array = arrays.get(name)
      if (!array) throw notFound(source.name, name, arrays)
      const { header, entry, start } = array
      const packed = await source.read(start, start + entry.packedSize, options?.signal)
      const named = `${source.name}: ${entry.name}`
      const bytes = entry.method === 'stored' ? packed : inflate(packed, entry.size, named)
      if (crc32(bytes) !== entry.crc) {
        throw new MalformedFileError({
          source: named,
          format: 'zip',
          problems: ['its checksum does not match'],
        })
      }
      return npyTensor(header, bytes.subarray(header.start))
    },
    async place(name) {
      if (!arrays.has(name)) throw notFound(source.name, name, arrays)
      return undefined
    },
    close: () => source.close(),
  }
}

/** Opens a single array; it is called `arr_0`, as numpy calls the first one without a name. */
export async function openNpy(source: Source, signal?: AbortSignal): Promise<WeightsReader> {
  const first = await source.read(0, Math.min(source.size, npyHeaderBytes), signal)
  const header = parseNpyHeader(first, source.name, source.size)
  const { dtype, shape, bytes, start } = header
  const tensors = new Map([['arr_0', { dtype, shape, bytes }]])
  return {
    name: source.name,
    format: 'npy',
    size: source.size,
    tensors,
    metadata: Object.create(null),
    values: Object.create(null),
    async read(name, options) {
      if (name !== 'arr_0') throw notFound(source.name, name, tensors)
      return npyTensor(header, await source.read(start, start + bytes, options?.signal))
    },
    async place(name) {
      if (name !== 'arr_0') throw notFound(source.name, name, tensors)
      return undefined
    },
    close: () => source.close(),
  }
}
