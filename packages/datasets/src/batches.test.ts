import fc from '@guided-diffusion/tooling/properties'
import { describe, expect, test } from 'vitest'
import { arrayDataset } from './array-dataset.ts'
import { type BatchOptions, batches, type ImageBatch } from './batches.ts'
import type { Dataset } from './dataset.ts'

/** Images of 1 × 2 pixels that tell their number on the left, and 255 on the right. */
function numbered(length: number): Dataset {
  const pixels = Uint8Array.from({ length: 2 * length }, (_, i) => (i % 2 === 0 ? i >> 1 : 255))
  const labels = Array.from({ length }, (_, i) => i % 3)
  return arrayDataset({ pixels, shape: [length, 1, 2, 1], labels, classes: ['a', 'b', 'c'] })
}

async function take(dataset: Dataset, options: BatchOptions, count = Infinity): Promise<ImageBatch[]> {
  const taken: ImageBatch[] = []
  for await (const batch of batches(dataset, options)) {
    taken.push(batch)
    if (taken.length === count) break
  }
  return taken
}

/** What the batches show, image by image. */
function shown(taken: readonly ImageBatch[]): { index: number; label: number; images: string }[] {
  return taken.flatMap(({ indices, labels, images }) =>
    Array.from(indices, (index, i) => ({
      index,
      label: labels?.[i] as number,
      images: images.slice(2 * i, 2 * i + 2).join(),
    })),
  )
}

const sizes = fc.record({
  length: fc.integer({ min: 1, max: 20 }),
  batch: fc.integer({ min: 1, max: 8 }),
  seed: fc.maxSafeNat(),
  epochs: fc.integer({ min: 1, max: 3 }),
  flip: fc.constantFrom(0, 0.5, 1),
  order: fc.constantFrom('shuffled' as const, 'stored' as const),
})

test('every image comes exactly once in each epoch, all batches are full but the last', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async ({ length, ...options }) => {
      const taken = await take(numbered(length), options)
      const indices = shown(taken).map(({ index }) => index)
      expect(indices).toHaveLength(options.epochs * length)
      for (let epoch = 0; epoch < options.epochs; epoch++) {
        const seen = new Set(indices.slice(epoch * length, (epoch + 1) * length))
        expect(seen.size).toBe(length)
      }
      taken.forEach(({ index, shape, images, labels }, i) => {
        const size = i < taken.length - 1 ? options.batch : shape[0]
        expect(index).toBe(i)
        expect(shape).toEqual([size, 1, 2, 1])
        expect([images.length, labels?.length]).toEqual([2 * size, size])
      })
      expect(taken.at(-1)?.shape[0]).toBeGreaterThan(0)
    }),
  )
})

test('images and labels are those of the indices, mirrored or not', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async ({ length, ...options }) => {
      for (const { index, label, images } of shown(await take(numbered(length), options))) {
        const left = Math.fround(index / 127.5 - 1)
        expect(label).toBe(index % 3)
        const ways = { 0: [`${left},1`], 0.5: [`${left},1`, `1,${left}`], 1: [`1,${left}`] }
        expect(ways[options.flip as 0]).toContain(images)
      }
    }),
  )
})

test('a start at any batch gives what comes there anyway', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(30), async ({ length, ...options }, start) => {
      const whole = await take(numbered(length), options)
      expect(await take(numbered(length), { ...options, start })).toEqual(whole.slice(start))
    }),
  )
})

test('shards share every batch of one reader among them', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 4 }), async ({ length, ...options }, count) => {
      const whole = await take(numbered(length), { ...options, batch: options.batch * count })
      const shards = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          take(numbered(length), { ...options, shard: { index, count } }),
        ),
      )
      whole.forEach((batch, n) => {
        const parts = shards.map((shard) => shown(shard.slice(n, n + 1)))
        shown([batch]).forEach((image, i) => {
          expect(parts[i % count]?.[Math.floor(i / count)]).toEqual(image)
        })
        expect(parts.flat()).toHaveLength(batch.shape[0])
      })
      for (const shard of shards) expect(shard.length).toBeLessThanOrEqual(whole.length)
    }),
  )
})

test('the size of the batches changes neither order nor flips', async () => {
  const options = { seed: 4, epochs: 2, flip: 0.5 }
  const single = shown(await take(numbered(50), { ...options, batch: 1 }))
  expect(shown(await take(numbered(50), { ...options, batch: 7 }))).toEqual(single)
})

test('equal seeds give equal batches, others do not', async () => {
  const of = async (seed: number): Promise<string> =>
    JSON.stringify(shown(await take(numbered(30), { batch: 8, seed, epochs: 1, flip: 0.5 })))
  expect(await of(1)).toBe(await of(1))
  expect(await of(1)).not.toBe(await of(2))
})

test('epochs differ in their order and in their flips', async () => {
  const images = shown(await take(numbered(40), { batch: 40, seed: 1, epochs: 2, flip: 0.5 }))
  const [first, second] = [images.slice(0, 40), images.slice(40)]
  expect(first.map(({ index }) => index)).not.toEqual(second.map(({ index }) => index))
  const flipped = (epoch: typeof images): number[] =>
    epoch.filter(({ images }) => images.startsWith('1,')).map(({ index }) => index)
  expect(flipped(first).sort()).not.toEqual(flipped(second).sort())
})

test('the stored order stays', async () => {
  const taken = await take(numbered(5), { batch: 4, seed: 1, epochs: 2, order: 'stored' })
  expect(shown(taken).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
})

test('images are mirrored as often as asked', async () => {
  const images = shown(await take(numbered(250), { batch: 250, seed: 7, epochs: 8, flip: 0.3 }))
  const flipped = images.filter(({ images }) => images.startsWith('1,')).length
  // 2000 images: 600 ± 20.5.
  expect(Math.abs(flipped - 600)).toBeLessThan(4 * 20.5)
})

test('without epochs it goes on for ever, without flips nothing is mirrored', async () => {
  const taken = await take(numbered(3), { batch: 2, seed: 1 }, 20)
  expect(taken.map(({ shape }) => shape[0])).toEqual(new Array(20).fill(2))
  expect(shown(taken).filter(({ images }) => images.startsWith('1,'))).toEqual([])
})

test('an iterable can be gone through again', async () => {
  const twice = batches(numbered(6), { batch: 3, seed: 2, epochs: 1 })
  const indices: string[][] = [[], []]
  for (const pass of indices) for await (const batch of twice) pass.push(batch.indices.join())
  expect(indices[0]).toEqual(indices[1])
})

test('images without labels give batches without', async () => {
  const dataset = arrayDataset({ pixels: Uint8Array.of(1, 2), shape: [2, 1, 1, 1] })
  const [batch] = await take(dataset, { batch: 2, seed: 1 }, 1)
  expect(batch).not.toHaveProperty('labels')
})

describe('stopping', () => {
  /** Reads only when told to, and remembers the signals it was given. */
  function watched(): { dataset: Dataset; signals: AbortSignal[] } {
    const signals: AbortSignal[] = []
    const dataset: Dataset = {
      ...numbered(8),
      read: async (indices, { signal } = {}) => {
        signals.push(signal as AbortSignal)
        await new Promise((resolve) => setImmediate(resolve))
        signal?.throwIfAborted()
        return numbered(8).read(indices)
      },
    }
    return { dataset, signals }
  }

  test('a signal that is aborted already lets nothing be read', async () => {
    const { dataset, signals } = watched()
    const reason = new Error('enough')
    await expect(take(dataset, { batch: 2, seed: 1, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(signals).toHaveLength(0)
  })

  test('an abort between batches throws its reason and stops the reading ahead', async () => {
    const { dataset, signals } = watched()
    const reason = new Error('enough')
    const controller = new AbortController()
    const seen: number[] = []
    const loop = async (): Promise<void> => {
      for await (const { index } of batches(dataset, { batch: 2, seed: 1, signal: controller.signal })) {
        seen.push(index)
        if (index === 1) controller.abort(reason)
      }
    }
    await expect(loop()).rejects.toBe(reason)
    expect(seen).toEqual([0, 1])
    expect(signals.at(-1)?.aborted).toBe(true)
  })

  test('an abort while a batch is read throws its reason', async () => {
    const { dataset } = watched()
    const reason = new Error('enough')
    const controller = new AbortController()
    const iterator = batches(dataset, { batch: 2, seed: 1, signal: controller.signal })[
      Symbol.asyncIterator
    ]()
    const first = iterator.next()
    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('leaving the loop stops the reading ahead', async () => {
    const { dataset, signals } = watched()
    await take(dataset, { batch: 2, seed: 1 }, 1)
    expect(signals).toHaveLength(2)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  test('a batch is given out before the failure of the one after it', async () => {
    let reads = 0
    const dataset: Dataset = {
      ...numbered(8),
      read: async (indices) => {
        if (++reads === 2) throw new Error('disk gone')
        return numbered(8).read(indices)
      },
    }
    const seen: number[] = []
    const loop = async (): Promise<void> => {
      for await (const { index } of batches(dataset, { batch: 2, seed: 1 })) {
        seen.push(index)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await expect(loop()).rejects.toThrow('disk gone')
    expect(seen).toEqual([0])
  })
})

test.each([
  [{ batch: 0 }, 'batch is 0, expected an integer of 1 or more.'],
  [{ batch: 1.5 }, 'batch is 1.5, expected an integer of 1 or more.'],
  [{ seed: -1 }, 'seed is -1, expected an integer of 0 or more.'],
  [{ seed: 2 ** 53 }, 'seed is 9007199254740992, expected an integer of 0 or more.'],
  [{ epochs: 0 }, 'epochs is 0, expected an integer of 1 or more.'],
  [{ epochs: Number.NaN }, 'epochs is NaN, expected an integer of 1 or more.'],
  [{ start: -1 }, 'start is -1, expected an integer of 0 or more.'],
  [{ flip: 1.1 }, 'flip is 1.1, expected a probability in [0, 1].'],
  [{ flip: Number.NaN }, 'flip is NaN, expected a probability in [0, 1].'],
  [{ shard: { index: 2, count: 2 } }, 'shard.index is 2, expected less than shard.count, 2.'],
  [{ shard: { index: -1, count: 2 } }, 'shard.index is -1, expected an integer of 0 or more.'],
  [{ shard: { index: 0, count: 0 } }, 'shard.count is 0, expected an integer of 1 or more.'],
] as [Partial<BatchOptions>, string][])('%o is refused at once', (wrong, message) => {
  expect(() => batches(numbered(4), { batch: 2, seed: 1, ...wrong })).toThrow(
    expect.objectContaining({ name: 'DatasetRangeError', message, advice: expect.any(String) }),
  )
})

test('an empty data set is refused at once', () => {
  expect(() => batches({ ...numbered(1), length: 0 }, { batch: 1, seed: 1 })).toThrow(
    'dataset.length is 0, expected an integer of 1 or more.',
  )
})
