import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encode } from 'fast-png'
import sharp from 'sharp'
import { expect, test, vi } from 'vitest'
import { imageFolder } from './image-folder.ts'

const signed = (...bytes: number[]): Float32Array => Float32Array.from(bytes, (byte) => byte / 127.5 - 1)

/** A PNG file of one colour. */
function png(colour: readonly [number, number, number], width = 2, height = 2): Uint8Array {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3] as number)
  return encode({ width, height, channels: 3, data })
}

async function inFolder(
  files: Readonly<Record<string, Uint8Array>>,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'images-'))
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), bytes)
    }
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const pets = {
  'dog/1.png': png([10, 20, 30]),
  'cat/2.PNG': png([40, 50, 60], 5, 3),
  'cat/young/1.png': png([70, 80, 90], 1, 4),
  'cat/notes.txt': new TextEncoder().encode('no image'),
  '.cache/3.png': png([0, 0, 0]),
}

test('images come in the order of their names, each of one size, with the class of its folder', () =>
  inFolder(pets, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1 })
    expect(dataset).toMatchObject({ length: 3, shape: [1, 1, 3], classes: ['cat', 'dog'] })
    expect(await dataset.read([2, 0, 1, 0])).toEqual({
      images: signed(10, 20, 30, 40, 50, 60, 70, 80, 90, 40, 50, 60),
      labels: Int32Array.of(1, 0, 0, 0),
    })
  }))

test('one channel is brightness', () =>
  inFolder(pets, async (folder) => {
    const dataset = await imageFolder(`${folder}/`, { size: 2, channels: 1 })
    expect(dataset.shape).toEqual([2, 2, 1])
    // 0.299 R + 0.587 G + 0.114 B
    expect((await dataset.read([2])).images).toEqual(signed(18, 18, 18, 18))
  }))

test('images without classes have no labels', () =>
  inFolder({ '1.png': png([1, 2, 3]) }, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1 })
    expect(dataset.classes).toEqual([])
    expect(await dataset.read([0])).toEqual({ images: signed(1, 2, 3) })
  }))

test('classes can be asked for by prefix', () =>
  inFolder({ 'all/dog_1.png': png([1, 2, 3]), 'all/cat_1.png': png([4, 5, 6]) }, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1, classes: 'prefixes' })
    expect(dataset.classes).toEqual(['cat', 'dog'])
    expect((await dataset.read([1])).labels).toEqual(Int32Array.of(1))
  }))

test('more images than are decoded at once keep their order', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`${String(i).padStart(2, '0')}.png`, png([i, i, i])]),
  )
  await inFolder(files, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1, channels: 1 })
    const order = Array.from({ length: 40 }, (_, i) => (i * 7) % 40)
    expect((await dataset.read(order)).images).toEqual(signed(...order))
  })
})

test('JPEG and WebP are read where sharp is, whatever the name says', async () => {
  const image = sharp(png([100, 100, 100], 4, 4))
  const files = { 'a.jpg': await image.jpeg().toBuffer(), 'b.png': await image.webp().toBuffer() }
  await inFolder(files, async (folder) => {
    const { images } = await (await imageFolder(folder, { size: 1, channels: 1 })).read([0, 1])
    for (const value of images) expect(Math.abs(value - (100 / 127.5 - 1))).toBeLessThan(0.02)
  })
})

test('where sharp is missing, JPEG is refused at once and PNG is read', () =>
  inFolder({ '1.png': png([1, 2, 3]), 'b/2.jpg': png([4, 5, 6]) }, async (folder) => {
    vi.doMock('sharp', () => {
      throw new Error('Cannot find package sharp')
    })
    try {
      await expect(imageFolder(folder, { size: 1, classes: 'none' })).rejects.toThrow(
        expect.objectContaining({ name: 'DecoderMissingError', file: `${folder}/b/2.jpg` }),
      )
      await rm(join(folder, 'b'), { recursive: true })
      expect((await (await imageFolder(folder, { size: 1 })).read([0])).images).toEqual(signed(1, 2, 3))
    } finally {
      vi.doUnmock('sharp')
    }
  }))

test('a folder that is not there or has no images is told', async () => {
  await expect(imageFolder('/no/such/folder', { size: 1 })).rejects.toThrow(
    expect.objectContaining({ name: 'DatasetReadError', file: '/no/such/folder' }),
  )
  await inFolder({ 'a.txt': new Uint8Array() }, async (folder) => {
    await expect(imageFolder(folder, { size: 1 })).rejects.toThrow(
      expect.objectContaining({
        name: 'FolderLayoutError',
        message: `${folder}: there are no images in it.`,
      }),
    )
  })
})

test('a damaged image is told by its file when it is read', async () => {
  const whole = png([1, 2, 3])
  const files = {
    '1.png': whole,
    '2.png': whole.subarray(0, -15),
    '3.png': new TextEncoder().encode('<svg/>'),
    '4.png': new Uint8Array(),
  }
  await inFolder(files, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1 })
    expect((await dataset.read([0])).images).toHaveLength(3)
    const error = (name: string, message: RegExp): unknown =>
      expect.objectContaining({
        name,
        file: expect.stringContaining(folder),
        message: expect.stringMatching(message),
      })
    await expect(dataset.read([0, 1])).rejects.toThrow(error('DatasetFormatError', /2\.png/))
    await expect(dataset.read([2])).rejects.toThrow(error('DatasetFormatError', /3\.png: it is neither/))
    await expect(dataset.read([3])).rejects.toThrow(error('DatasetFormatError', /4\.png: it is neither/))
    await rm(join(folder, '1.png'))
    await expect(dataset.read([0])).rejects.toThrow(error('DatasetReadError', /1\.png/))
  })
})

test('images beyond maximumPixels are refused', () =>
  inFolder({ '1.png': png([1, 2, 3], 4, 4) }, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1, maximumPixels: 15 })
    await expect(dataset.read([0])).rejects.toThrow('4 × 4 pixels, more than the limit of 15')
  }))

test('numbers of images, sizes and channels are checked', () =>
  inFolder({ '1.png': png([1, 2, 3]) }, async (folder) => {
    const dataset = await imageFolder(folder, { size: 1 })
    await expect(dataset.read([1])).rejects.toThrow('indices[0] is 1, expected an integer in [0, 1).')
    for (const size of [0, 1.5, Number.NaN]) {
      await expect(imageFolder(folder, { size })).rejects.toThrow('expected a positive integer')
    }
    await expect(imageFolder(folder, { size: 1, channels: 2 as 1 })).rejects.toThrow('expected 1 or 3')
  }))

test('an aborted signal ends listing and reading with its reason', () =>
  inFolder({ '1.png': png([1, 2, 3]) }, async (folder) => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(imageFolder(folder, { size: 1, signal })).rejects.toBe(reason)
    const dataset = await imageFolder(folder, { size: 1 })
    await expect(dataset.read([0], { signal })).rejects.toBe(reason)
  }))
