/** Weights that stay in their file. */
import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { float16ToFloat32 } from '@guided-diffusion/checkpoints'
import type * as tf from '@tensorflow/tfjs-core'
import { WeightFileError } from './errors.ts'
import { type FilePlace, type SourceArray, sizeOf } from './graph.ts'
import { storedTensor } from './stored-tensor.ts'

/** A tensor in a file, row by row in this machine's order of bytes, and how TensorFlow.js is to see it: as float32. */
export interface StoredWeight {
  /** Where it begins: `place` of `@guided-diffusion/checkpoints` tells. */
  readonly offset: number
  /** @default 'float32' */
  readonly dtype?: 'float32' | 'float16'
  /** In the file. */
  readonly shape: readonly number[]
  /** Axis i of the tensor is axis `order[i]` of the file's; axes of length 1 may be left out. @default as in the file */
  readonly order?: readonly number[]
}

/**
 * Tensors that are a part of a file: nothing is read, and a graph that uses one as it lies (or only turned back into the
 * layout of the file, which is the one that a convolution has) points into the file. Elsewhere they are read when they are
 * needed. Those of float16 are pointed into by graphs that compute in float16 (`halfArithmetic`), and become float32 one at a
 * time in others. The file must stay as it is while they are used. Yours to dispose.
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
    Object.entries(weights).map(([name, { offset, dtype, shape, order = shape.map((_, axis) => axis) }]) => {
      const rest = shape.flatMap((_, axis) => (order.includes(axis) ? [] : [axis]))
      const array = arrayAt({ path: absolute, offset }, dtype, sizeOf(shape))
      const seen = order.map((axis) => shape[axis] as number)
      return [name, storedTensor({ array, shape, order: [...order, ...rest] }, seen)]
    }),
  )
}

function arrayAt(
  { path, offset }: Pick<FilePlace, 'path' | 'offset'>,
  dtype: StoredWeight['dtype'],
  size: number,
): SourceArray {
  const place = { path, offset, length: (dtype === 'float16' ? 2 : 4) * size }
  if (dtype !== 'float16') return { place, read: () => new Float32Array(readPlace(place)) }
  const half = { place, read: () => new Uint16Array(readPlace(place)) }
  return { half, read: () => float16ToFloat32(half.read()) }
}

/** At most so many bytes are read at once: a limit of Node. */
const largestRead = 2 ** 30

function readPlace({ path, offset, length }: FilePlace): ArrayBuffer {
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
  return bytes.buffer
}
