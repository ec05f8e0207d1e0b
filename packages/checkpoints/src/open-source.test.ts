import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { failure } from '../fixtures/read.ts'
import { SourceError, TooLargeError, TruncatedFileError } from './errors.ts'
import { openSource } from './open-source.ts'
import { allocate, type WeightsSource } from './source.ts'
import { openPath as openInBrowser } from './source-browser.ts'

const folder = await mkdtemp(join(tmpdir(), 'source-'))
afterAll(() => rm(folder, { recursive: true }))
const path = join(folder, 'ten.bin')
const ten = Uint8Array.from({ length: 10 }, (_, i) => i)
await writeFile(path, ten)

const sources: Record<string, WeightsSource> = {
  'a path': path,
  'a file: address': pathToFileURL(path),
  'a file: address as text': pathToFileURL(path).href,
  bytes: ten,
  'a part of bytes': Uint8Array.of(9, ...ten).subarray(1),
  'an ArrayBuffer': ten.buffer,
  'a Blob': new Blob([ten]),
  'a File': new File([ten], 'ten.bin'),
  'a data: address': `data:application/octet-stream;base64,${Buffer.from(ten).toString('base64')}`,
}

test.each(Object.entries(sources))('%s', async (_, given) => {
  const source = await openSource(given)
  expect(source.size).toBe(10)
  expect([...(await source.read(0, 10))]).toEqual([...ten])
  expect([...(await source.read(3, 5))]).toEqual([3, 4])
  expect([...(await source.read(10, 10))]).toEqual([])
  for (const [start, end] of [
    [0, 11],
    [11, 11],
    [5, 4],
    [-1, 3],
    [Number.NaN, 3],
  ] as const) {
    const error = await failure(() => source.read(start, end))
    expect(error).toBeInstanceOf(TruncatedFileError)
  }
  await expect(source.read(0, 1, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  await source.close()
  await source.close()
})

test('a File has its name in messages, a data: address not all its bytes', async () => {
  expect((await openSource(new File([ten], 'picked.pt'))).name).toBe('picked.pt')
  expect((await openSource(sources['a data: address']!)).name).toBe('data: address')
})

describe('what cannot be opened', () => {
  test.each([
    [
      'a missing file',
      join(folder, 'no.pt'),
      `${join(folder, 'no.pt')} cannot be read: there is no such file.`,
    ],
    ['a folder', folder, `${folder} cannot be read: it is a directory.`],
    ['something under a file', join(path, 'x'), `${join(path, 'x')} cannot be read: there is no such file.`],
    ['a device', '/dev/zero', '/dev/zero cannot be read: it is not a regular file.'],
    [
      'another protocol',
      'ftp://example.org/a.pt',
      'ftp://example.org/a.pt cannot be read: the protocol ftp: is not known.',
    ],
    [
      'a file on another host',
      'file://host/a.pt',
      'file://host/a.pt cannot be read: it is not the address of a local file.',
    ],
  ])('%s', async (_, given, message) => {
    const error = await failure(() => openSource(given))
    expect(error).toBeInstanceOf(SourceError)
    expect(error.message).toBe(message)
    expect(error.advice).toBeTruthy()
  })

  test('a letter and a colon is a drive, not a protocol', async () => {
    expect((await failure(() => openSource('C:\\weights.pt'))).message).toBe(
      'C:\\weights.pt cannot be read: there is no such file.',
    )
  })
})

test('a file that is closed, or becomes shorter while it is open', async () => {
  const closed = await openSource(path)
  await closed.close()
  expect((await failure(() => closed.read(0, 1))).message).toBe(`${path} cannot be read: it was closed.`)
  const shrinking = join(folder, 'shrinking.bin')
  await writeFile(shrinking, ten)
  const source = await openSource(shrinking)
  await truncate(shrinking, 4)
  const error = await failure(() => source.read(0, 10))
  expect(error).toBeInstanceOf(TruncatedFileError)
  expect(error.message).toBe(
    `${shrinking} is cut off: it has 4 bytes, what was there when it was opened needs 10 bytes.`,
  )
  await source.close()
})

test('a Blob whose file has changed, or gives less than it said', async () => {
  const gone = new Blob([ten])
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('NotReadableError')) }) as unknown as Blob
  const source = await openSource(gone)
  expect((await failure(() => source.read(0, 1))).message).toBe(
    'blob cannot be read: the browser no longer gives access to it.',
  )
  const short = new Blob([ten])
  short.slice = () => new Blob([ten.subarray(0, 1)])
  expect(await failure(async () => (await openSource(short)).read(0, 5))).toBeInstanceOf(TruncatedFileError)
})

test('in a page there is no file system', async () => {
  const error = await failure(() => openInBrowser('weights.pt', {}))
  expect(error.message).toBe('weights.pt cannot be read: this runtime has no file system.')
})

test('memory that no array can have is a named error', () => {
  expect(() => allocate('a.pt', 2 ** 53)).toThrow(TooLargeError)
})
