import { permutation, streamOf, uniform } from '@guided-diffusion/random'
import { flipHorizontally } from './augmentation.ts'
import type { Dataset } from './dataset.ts'
import { DatasetRangeError } from './errors.ts'

/** A batch of images for one step of training. */
export interface ImageBatch {
  /** `[B, H, W, C]`, row by row, in [−1, 1]. */
  readonly images: Float32Array
  /** `[B]`; missing when the data set has no labels. */
  readonly labels?: Int32Array
  readonly shape: readonly [batch: number, height: number, width: number, channels: number]
  /** Number of this batch, counted from 0; a run that stopped after it goes on with `start: index + 1`. */
  readonly index: number
  /** Which images of the data set these are. */
  readonly indices: Int32Array
}

export interface BatchOptions {
  /** Images in a batch. */
  readonly batch: number
  /** Chooses the order and the flips. */
  readonly seed: number
  /** Times that every image is shown. @default Infinity */
  readonly epochs?: number
  /** Probability of mirroring an image left to right. @default 0 */
  readonly flip?: number
  /** Number of the first batch: what comes is what would have come there anyway. @default 0 */
  readonly start?: number
  /** `'stored'` keeps the order of the data set. @default 'shuffled' */
  readonly order?: 'shuffled' | 'stored'
  /** This reader's part of every batch, when `count` readers share the work. @default { index: 0, count: 1 } */
  readonly shard?: { readonly index: number; readonly count: number }
  readonly signal?: AbortSignal
}

const ORDER = streamOf('datasets/order')
const FLIP = streamOf('datasets/flip')
const WHOLE = { index: 0, count: 1 }

/**
 * Batches of a data set, for ever unless `epochs` says how long.
 *
 * The epochs stand one after the other in a single row of samples, each in an order of its own. Batch n of a
 * shard is cut from that row by arithmetic, so that starting late costs nothing, all batches are full (but for
 * the very last, when there is one), and the n-th batches of `count` shards are together the n-th batch of one
 * reader with a batch `count` times as large. Order and flip of a sample depend on the seed and its place in the
 * row, and on nothing else.
 *
 * Aborting `signal` ends the loop with its reason.
 *
 * @throws {DatasetRangeError} at once, when an option is out of range or the data set is empty.
 * @example
 * for await (const { images, labels, shape } of batches(dataset, { batch: 64, seed: 1, flip: 0.5 })) …
 */
export function batches(dataset: Dataset, options: BatchOptions): AsyncIterable<ImageBatch> {
  requireOptions(dataset, options)
  return { [Symbol.asyncIterator]: () => iterate(dataset, options) }
}

async function* iterate(
  dataset: Dataset,
  options: BatchOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  const { start = 0, signal } = options
  signal?.throwIfAborted()
  const stopped = new AbortController()
  const either = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal
  const read = batchReader(dataset, options, either)
  try {
    let next = ahead(read(start))
    for (let index = start + 1; ; index++) {
      const batch = await next
      signal?.throwIfAborted()
      if (batch === undefined) return
      // While the consumer works on this batch, the following one is decoded.
      next = ahead(read(index))
      yield batch
      signal?.throwIfAborted()
    }
  } finally {
    stopped.abort()
  }
}

/** A promise whose failure is told to whoever awaits it, and to no one if nobody does. */
function ahead<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

function batchReader(
  dataset: Dataset,
  options: BatchOptions,
  signal: AbortSignal,
): (index: number) => Promise<ImageBatch | undefined> {
  const { batch, seed, epochs = Infinity, flip = 0, order = 'shuffled', shard = WHOLE } = options
  const { length, shape } = dataset
  const size = shape[0] * shape[1] * shape[2]
  const end = epochs * length
  let epochInUse = -1
  let element = (position: number): number => position

  const sampleAt = (place: number): number => {
    const epoch = Math.floor(place / length)
    if (order === 'shuffled' && epoch !== epochInUse) {
      element = permutation({ seed, stream: ORDER, index: epoch }, length)
      epochInUse = epoch
    }
    return element(place - epoch * length)
  }

  return async (index) => {
    const first = index * batch * shard.count + shard.index
    const count = Math.min(batch, Math.ceil((end - first) / shard.count))
    if (count <= 0) return undefined
    const places = Array.from({ length: count }, (_, i) => first + i * shard.count)
    const indices = Int32Array.from(places, sampleAt)
    const samples = await dataset.read(indices, { signal })
    places.forEach((place, i) => {
      if (flip > 0 && (uniform({ seed, stream: FLIP, index: place }, 1)[0] as number) < flip) {
        flipHorizontally(samples.images, i * size, shape)
      }
    })
    return { ...samples, shape: [count, ...shape], index, indices }
  }
}

function requireOptions(dataset: Dataset, options: BatchOptions): void {
  const { batch, seed, epochs = Infinity, flip = 0, start = 0, shard = WHOLE } = options
  requireCount('dataset.length', dataset.length, 1, 'There is nothing to read: check the folder or file.')
  requireCount('batch', batch, 1, 'A batch has one image or more.')
  requireCount('seed', seed, 0, 'Take any whole number as seed.')
  if (epochs !== Infinity) requireCount('epochs', epochs, 1, 'Leave epochs out to go on for ever.')
  requireCount('start', start, 0, 'Batches count from 0.')
  requireCount('shard.count', shard.count, 1, 'A single reader is shard { index: 0, count: 1 }.')
  requireCount('shard.index', shard.index, 0, 'Shards count from 0.')
  if (shard.index >= shard.count) {
    throw new DatasetRangeError({
      parameter: 'shard.index',
      value: shard.index,
      expected: `less than shard.count, ${shard.count}`,
      advice: 'Shards count from 0.',
    })
  }
  if (!(flip >= 0 && flip <= 1)) {
    throw new DatasetRangeError({
      parameter: 'flip',
      value: flip,
      expected: 'a probability in [0, 1]',
      advice: 'Half of all images are mirrored with flip: 0.5.',
    })
  }
}

function requireCount(parameter: string, value: number, least: number, advice: string): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new DatasetRangeError({ parameter, value, expected: `an integer of ${least} or more`, advice })
}
