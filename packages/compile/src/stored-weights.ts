/** Weights that stay in their file. */
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import type * as tf from '@tensorflow/tfjs-core'
import { WeightFileError } from './errors.ts'
import { type FilePlace, sizeOf } from './graph.ts'
import { storedTensor } from './stored-tensor.ts'

/** A tensor of float32 in a file, row by row in this machine's order of bytes, and how TensorFlow.js is to see it. */
export interface StoredWeight {
  /** Where it begins: `place` of `@guided-diffusion/checkpoints` tells. */
  readonly offset: number
  /** In the file. */
  readonly shape: readonly number[]
  /** Axis i of the tensor is axis `order[i]` of the file's; axes of length 1 may be left out. @default as in the file */
  readonly order?: readonly number[]
}

/**
 * Tensors that are a part of a file: nothing is read, and a graph that uses one as it lies (or only turned back into the
 * layout of the file, which is the one that a convolution has) points into the file. Elsewhere they are read when they are
 * needed. The file must stay as it is while they are used. Yours to dispose.
 *
 * @param weights by the name that the tensor is to have.
 * @throws WeightFileError, when one is read, where the file ends before it.
 * @example
 * const weights = storedWeights('linear.safetensors', { weight: { offset: 80, shape: [5, 4], order: [1, 0] } })
 */
export function storedWeights(
  path: string,
  weights: Readonly<Record<string, StoredWeight>>,
): Record<string, tf.Tensor> {
  const absolute = resolve(path)
  return Object.fromEntries(
    Object.entries(weights).map(([name, { offset, shape, order = shape.map((_, axis) => axis) }]) => {
      const place = { path: absolute, offset, length: 4 * sizeOf(shape) }
      const rest = shape.flatMap((_, axis) => (order.includes(axis) ? [] : [axis]))
      const array = { place, read: () => readPlace(place) }
      const seen = order.map((axis) => shape[axis] as number)
      return [name, storedTensor({ array, shape, order: [...order, ...rest] }, seen)]
    }),
  )
}

/** At most so many bytes are read at once: a limit of Node. */
const largestRead = 2 ** 30

function readPlace({ path, offset, length }: FilePlace): Float32Array {
  const bytes = new Uint8Array(length)
  const file = openSync(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const read = readSync(file, bytes, done, Math.min(length - done, largestRead), offset + done)
      if (read === 0) {
        throw new WeightFileError({
          file: path,
          problem: 'is shorter than it was when it was opened',
          advice: 'Leave files of weights as they are while they are in use.',
        })
      }
      done += read
    }
  } finally {
    closeSync(file)
  }
  return new Float32Array(bytes.buffer)
}
