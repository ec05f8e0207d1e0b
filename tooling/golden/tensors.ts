import * as tf from '@tensorflow/tfjs-core'
import type { Values } from './kind.ts'
import type { GoldenCase } from './vector.ts'

/** Shape and float32 values of a stored tensor. */
export function stored({ name, tensors }: GoldenCase, key: string): { shape: number[]; data: Float32Array } {
  const tensor = tensors.get(key)
  if (!tensor) throw new Error(`${name} has no tensor ${key}`)
  return {
    shape: [...tensor.shape],
    data: Float32Array.from(tensor.data as Iterable<number | bigint>, Number),
  }
}

/** A stored image batch, NCHW → `[B, H, W, C]`. */
export function images(golden: GoldenCase, key: string): tf.Tensor4D {
  const { shape, data } = stored(golden, key)
  return imagesFrom(data, shape)
}

/** NCHW → `[B, H, W, C]`. */
export function imagesFrom(data: Float32Array, shape: readonly number[]): tf.Tensor4D {
  return tf.tidy(() =>
    tf.transpose(tf.tensor4d(data, shape as [number, number, number, number]), [0, 2, 3, 1]),
  )
}

/** A stored vector. */
export function vector(golden: GoldenCase, key: string, dtype: 'float32' | 'int32' = 'float32'): tf.Tensor1D {
  return tf.tensor1d(stored(golden, key).data, dtype)
}

/** Values in the layout of the files: images NCHW, everything else as it is. */
export async function valuesOf(tensor: tf.Tensor): Promise<Values> {
  // what lies on a graphics card comes back first
  await tensor.data()
  const laidOut = tensor.rank === 4 ? tf.transpose(tensor, [0, 3, 1, 2]) : tf.clone(tensor)
  const values = (await laidOut.data()).slice()
  laidOut.dispose()
  return values
}

/** The same of several. */
export async function allValuesOf(
  tensors: Readonly<Record<string, tf.Tensor>>,
): Promise<Record<string, Values>> {
  const values: Record<string, Values> = {}
  for (const [key, tensor] of Object.entries(tensors)) values[key] = await valuesOf(tensor)
  return values
}
