import { expect, test } from 'vitest'
import { bytes } from '../fixtures/pickle-assembly.ts'
import { failure, fixture } from '../fixtures/read.ts'
import { zip } from '../fixtures/torch-files.ts'
import { MalformedFileError, TruncatedFileError, UnsupportedFileError } from './errors.ts'
import { openSource } from './open-source.ts'
import { bytesSource, type Source } from './source.ts'
import { locateEntry, readZipDirectory, type ZipEntry } from './zip-directory.ts'
import { type PackedEntry, zipDirectory, zipLocalHeader } from './zip-writer.ts'

const files = { 'a.txt': bytes('first'), 'b/имя': bytes('second'), empty: new Uint8Array(0) }
const archive = zip(files)

async function contents(source: Source): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [name, entry] of await readZipDirectory(source)) {
    const { start, end } = await locateEntry(source, entry)
    found[name] = Buffer.from(await source.read(start, end)).toString()
  }
  return found
}

/** A copy with some bytes replaced. */
function changed(file: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = file.slice()
  copy.set(values, at)
  return copy
}

const problemOf = async (file: Uint8Array) => {
  const error = await failure(() => contents(bytesSource(file)))
  expect(error).toBeInstanceOf(MalformedFileError)
  return error.message.replace(/^bytes is not valid zip: /, '')
}

/** Where the record of the first entry in the directory begins. */
const directory = archive.findIndex((_, i) => String(archive.subarray(i, i + 4)) === '80,75,1,2')
const end = archive.length - 22

test('every entry under its name, an empty one too', async () => {
  expect(await contents(bytesSource(archive))).toEqual({ 'a.txt': 'first', 'b/имя': 'second', empty: '' })
})

test('a comment at the end, and bytes in it that look like the end', async () => {
  const comment = bytes('PK\x05\x06', new Uint8Array(40))
  const file = changed(bytes(archive, comment), end + 20, comment.length, 0)
  expect(await contents(bytesSource(file))).toHaveProperty('empty')
})

test('sizes of 64 bits, which Python writes where it is told to', async () => {
  const source = await openSource(fixture('torch-big-endian.pt'))
  const entries = await readZipDirectory(source)
  expect([...entries.keys()][0]).toBe('some/deeper folder/data.pkl')
  await source.close()
})

/** Parts of a file at their places, zeros between them: a file of many gigabytes without its memory. */
function sparse(size: number, parts: readonly (readonly [at: number, part: Uint8Array])[]): Source {
  return {
    name: 'sparse.zip',
    size,
    async read(from, to) {
      const result = new Uint8Array(to - from)
      for (const [at, part] of parts) {
        const [first, last] = [Math.max(from, at), Math.min(to, at + part.length)]
        if (first < last) result.set(part.subarray(first - at, last - at), first - from)
      }
      return result
    },
    async close() {},
  }
}

test('an archive of more than 4 GiB', async () => {
  const entry = (name: string, size: number, offset: number): PackedEntry => ({
    name,
    method: 'stored',
    crc: 0,
    size,
    packedSize: size,
    offset,
    packed: [],
  })
  const first = entry('large', 2 ** 32 + 5, 0)
  const firstHead = zipLocalHeader(first)
  const second = entry('behind', 3, firstHead.length + first.size)
  const secondHead = zipLocalHeader(second)
  const start = second.offset + secondHead.length + 3
  const tail = zipDirectory([first, second], start)
  const source = sparse(start + tail.length, [
    [0, firstHead],
    [second.offset, secondHead],
    [second.offset + secondHead.length, bytes('end')],
    [start, tail],
  ])
  const entries = await readZipDirectory(source)
  expect(entries.get('large')).toMatchObject({ size: 2 ** 32 + 5, headerOffset: 0 })
  const place = await locateEntry(source, entries.get('behind') as ZipEntry)
  expect(Buffer.from(await source.read(place.start, place.end)).toString()).toBe('end')
})

test('a file that ends too early', async () => {
  for (const length of [0, 21, archive.length - 1]) {
    const error = await failure(() => contents(bytesSource(archive.subarray(0, length))))
    expect(error).toBeInstanceOf(TruncatedFileError)
  }
})

test.each([
  [
    'an entry over the next',
    changed(archive, directory + 20, 50, 0, 0, 0, 50),
    '"a.txt" overlaps the next entry.',
  ],
  [
    'an entry that is not where it should be',
    changed(archive, directory + 42, 1),
    '"a.txt" is not where the directory says.',
  ],
  ['two sizes of a stored entry', changed(archive, directory + 24, 4), '"a.txt" has two sizes.'],
  ['a directory that is no directory', changed(archive, directory, 0), 'entry 0 of its directory is broken.'],
  [
    'a name longer than the directory',
    changed(archive, directory + 28, 255, 255),
    'entry 0 of its directory is broken.',
  ],
  [
    'more entries than there is room for',
    changed(archive, end + 10, 255, 255),
    /^its directory of \d+ bytes cannot hold 65535 entries\.$/,
  ],
  ['fewer entries than there are', changed(archive, end + 10, 2), undefined],
  [
    'a directory behind the end',
    changed(archive, end + 16, 255, 255, 255, 127),
    'its directory does not fit into the file.',
  ],
  ['another method in the entry itself', changed(archive, 8, 8), '"a.txt" is packed in two different ways.'],
  [
    'a local name that reaches into the next entry',
    changed(archive, 26, 255),
    '"a.txt" is longer than its place in the archive.',
  ],
])('%s', async (_, file, problem) => {
  if (problem) expect(await problemOf(file)).toMatch(problem)
  else expect(Object.keys(await contents(bytesSource(file)))).toHaveLength(2)
})

test('the same name twice', async () => {
  const file = zip({ aa: bytes('1'), ab: bytes('2') })
  const at = file.findLastIndex((_, i) => String(file.subarray(i, i + 2)) === '97,98')
  expect(await problemOf(changed(file, at + 1, 97))).toBe('"aa" occurs twice.')
})

test('encryption and other ways of packing', async () => {
  const encrypted = await failure(() => contents(bytesSource(changed(archive, directory + 8, 1))))
  expect(encrypted).toBeInstanceOf(UnsupportedFileError)
  expect(encrypted.message).toBe('bytes uses what is not supported: encryption of "a.txt".')
  const packed = await failure(() => contents(bytesSource(changed(archive, directory + 10, 93))))
  expect(packed.message).toBe('bytes uses what is not supported: compression 93 of "a.txt".')
})

test('a 64-bit directory that is not there', async () => {
  const locator = bytes(
    'PK\x06\x07',
    new Uint8Array(4),
    [255, 255, 255, 255, 255, 255, 255, 255],
    [1, 0, 0, 0],
  )
  const file = bytes(archive.subarray(0, end), locator, archive.subarray(end))
  expect(await problemOf(file)).toBe('its zip64 directory is not where it should be.')
})
