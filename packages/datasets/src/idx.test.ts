import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { idx } from './idx.ts'

const images = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 102, 153, 204])
const labels = Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1])

const signed = (...bytes: number[]): Float32Array => Float32Array.from(bytes, (byte) => byte / 127.5 - 1)

test('images and labels come from two files, packed or not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'idx-'))
  try {
    await writeFile(join(folder, 'images.gz'), gzipSync(images))
    await writeFile(join(folder, 'labels'), labels)
    const dataset = await idx({ images: join(folder, 'images.gz'), labels: join(folder, 'labels') })
    expect(dataset).toMatchObject({ length: 3, shape: [1, 2, 1], classes: ['0', '1', '2'] })
    expect(await dataset.read([2, 1])).toEqual({
      images: signed(153, 204, 51, 102),
      labels: Int32Array.of(1, 0),
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('classes can be named', async () => {
  expect((await idx({ images, labels, classes: ['a', 'b', 'c'] })).classes).toEqual(['a', 'b', 'c'])
})

test('labels may be missing', async () => {
  const dataset = await idx({ images })
  expect(dataset.classes).toEqual([])
  expect(await dataset.read([0])).toEqual({ images: signed(0, 255) })
})

test('a fourth dimension is channels', async () => {
  const coloured = Uint8Array.from([
    0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6,
  ])
  const dataset = await idx({ images: coloured })
  expect(dataset).toMatchObject({ length: 1, shape: [1, 2, 3] })
  expect(await dataset.read([0])).toEqual({ images: signed(1, 2, 3, 4, 5, 6) })
})

test('what is no image and no label is refused', async () => {
  await expect(idx({ images: labels })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[DatasetFormatError: images: it holds 3 bytes, and no images.]`,
  )
  await expect(idx({ images, labels: images })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[DatasetFormatError: labels: it holds 3 × 1 × 2 bytes, and no labels.]`,
  )
  const none = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2])
  await expect(idx({ images: none })).rejects.toThrow('it holds 0 × 1 × 2 bytes, and no images')
  const floats = Uint8Array.from([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0])
  await expect(idx({ images, labels: floats })).rejects.toThrow('1 numbers (Float32Array), and no labels')
})

test('as many labels as images are wanted', async () => {
  const two = Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 2, 2, 0])
  await expect(
    idx({ images: new File([images], 'train-images'), labels: new File([two], 'test-labels') }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(
    `[DatasetFormatError: test-labels: it has 2 labels, but train-images has 3 images.]`,
  )
})

test('a label without a class is refused', async () => {
  await expect(idx({ images, labels, classes: ['a', 'b'] })).rejects.toThrow(
    expect.objectContaining({ name: 'DatasetRangeError', parameter: 'labels[0]', value: 2 }),
  )
})

test('a file that is not there is named', async () => {
  const error = await idx({ images: '/no/such/images.gz' }).catch((error) => error)
  expect(error).toMatchObject({ name: 'DatasetReadError', file: '/no/such/images.gz' })
})

const folder = '/usr/share/datasets/fashion-mnist'
const installed = existsSync(folder)

describe.skipIf(!installed)(
  `Fashion-MNIST${installed ? '' : `, skipped: ${folder} is not there (Debian package dataset-fashion-mnist)`}`,
  () => {
    test('the test images are 10,000 of 28 × 28, 1,000 of each class, with the mean that numpy gives', async () => {
      const dataset = await idx({
        images: join(folder, 't10k-images-idx3-ubyte.gz'),
        labels: join(folder, 't10k-labels-idx1-ubyte.gz'),
      })
      expect(dataset).toMatchObject({ length: 10_000, shape: [28, 28, 1] })
      expect(dataset.classes).toHaveLength(10)
      const all = Array.from({ length: 10_000 }, (_, i) => i)
      const { images, labels } = await dataset.read(all)
      const counts = new Array(10).fill(0)
      for (const label of labels as Int32Array) counts[label]++
      expect(counts).toEqual(new Array(10).fill(1000))
      expect([...(labels as Int32Array).subarray(0, 5)]).toEqual([9, 2, 1, 1, 6])
      // The mean of all pixels in [0, 1] is 0.2868.
      const mean = images.reduce((sum, value) => sum + value, 0) / images.length
      expect((mean + 1) / 2).toBeCloseTo(0.2868, 3)
    })
  },
)
