import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test, vi } from 'vitest'
import { listFiles, loadDecoder, readFileBytes } from './platform-node.ts'

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'files-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('a file is read as plain bytes', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'a'), 'abc')
    const bytes = await readFileBytes(join(folder, 'a'), undefined)
    expect(bytes.constructor).toBe(Uint8Array)
    expect([...bytes]).toEqual([97, 98, 99])
  }))

test('all files below a folder are listed, but for hidden ones', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'a', 'b'), { recursive: true })
    await mkdir(join(folder, '.hidden'))
    for (const name of ['1', 'a/2', 'a/b/3', '.4', '.hidden/5']) await writeFile(join(folder, name), '')
    expect((await listFiles(folder, undefined)).sort()).toEqual(['1', 'a/2', 'a/b/3'])
  }))

test('links are followed, in circles only once', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'a'))
    await writeFile(join(folder, 'a', '1'), '')
    await symlink(folder, join(folder, 'a', 'circle'), 'junction')
    await symlink(join(folder, 'a'), join(folder, 'b'), 'junction')
    expect((await listFiles(folder, undefined)).sort()).toEqual(['a/1', 'b/1'])
  }))

test('an aborted signal ends the listing with its reason', async () => {
  const reason = new Error('enough')
  await expect(listFiles(tmpdir(), AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('JPEG and WebP are decoded to three bytes a pixel, grey and transparent ones too', async () => {
  const decode = await loadDecoder('a.jpg')
  const grey = sharp(new Uint8Array(6).fill(100), { raw: { width: 3, height: 2, channels: 1 } })
  expect(await decode(await grey.jpeg().toBuffer(), 6)).toMatchObject({
    width: 3,
    height: 2,
    pixels: Buffer.alloc(18, 100),
  })
  const clear = sharp(Uint8Array.of(50, 60, 70, 128), { raw: { width: 1, height: 1, channels: 4 } })
  expect(await decode(await clear.webp({ lossless: true }).toBuffer(), 1)).toMatchObject({
    width: 1,
    height: 1,
    pixels: Buffer.of(50, 60, 70),
  })
})

test('damaged images and those with too many pixels are told', async () => {
  const decode = await loadDecoder('a.jpg')
  const noise = Uint8Array.from({ length: 3072 }, (_, i) => Math.imul(i, 2654435761) >>> 13)
  const bytes = await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } })
    .jpeg()
    .toBuffer()
  for (const image of [bytes.subarray(0, bytes.length >> 1), bytes.subarray(0, 20)]) {
    await expect(decode(image, 1024)).rejects.toThrow(
      expect.objectContaining({ name: 'DatasetFormatError', file: 'a.jpg', cause: expect.any(Error) }),
    )
  }
  await expect(decode(bytes, 1023)).rejects.toThrow('exceeds pixel limit')
  expect(await decode(bytes, 1024)).toMatchObject({ width: 32, height: 32 })
})

test('where sharp is not installed, the error says so', async () => {
  vi.doMock('sharp', () => {
    throw new Error('Cannot find package sharp')
  })
  try {
    const error = await loadDecoder('cats/a.jpg').catch((error) => error)
    expect(error).toMatchObject({ name: 'DecoderMissingError', file: 'cats/a.jpg', packageName: 'sharp' })
    expect(error.message).toBe('cats/a.jpg cannot be decoded without the package sharp.')
    expect(error.advice).toMatch('npm install sharp')
  } finally {
    vi.doUnmock('sharp')
  }
})
