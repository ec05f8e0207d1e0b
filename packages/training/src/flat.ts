/**
 * All parameters of a network as one vector. An optimiser over it needs a dozen operations a step,
 * where one over hundreds of tensors needs thousands.
 */
import { memoryShape, type ParameterSpec, type Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'

/** Where each parameter lies in the vector: in the order of the specs, in memory layout. */
export interface FlatLayout {
  readonly names: readonly string[]
  readonly shapes: readonly (readonly number[])[]
  readonly sizes: readonly number[]
  readonly length: number
}

/** The layout of a network's parameters. */
export function flatLayout(specs: readonly ParameterSpec[]): FlatLayout {
  const names = specs.map((spec) => spec.name)
  const shapes = specs.map((spec) => memoryShape(spec.kind, spec.shape))
  const sizes = shapes.map((shape) => shape.reduce((product, length) => product * length, 1))
  return { names, shapes, sizes, length: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Tensors in the order of the layout → one vector. */
export function flatten(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  return tf.tidy(() => tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [tensor.size]))))
}

/** One vector → tensors in the order of the layout. Yours. */
export function unflatten(layout: FlatLayout, vector: tf.Tensor1D): tf.Tensor[] {
  return tf.tidy(() =>
    tf
      .split(vector, [...layout.sizes])
      .map((part, i) => tf.reshape(part, [...(layout.shapes[i] as readonly number[])])),
  )
}

/** Tensors in the order of the layout, under their names. */
export function named(layout: FlatLayout, tensors: readonly tf.Tensor[]): Parameters {
  return Object.fromEntries(layout.names.map((name, i) => [name, tensors[i] as tf.Tensor]))
}
