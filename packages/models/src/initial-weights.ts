import { normal, streamOf, uniform } from '@guided-diffusion/random'
import type { ParameterSpec } from './parameters.ts'

const stream = streamOf('initial weights')

/**
 * Fresh values of one tensor, in file layout, as the reference starts them: weights and biases of
 * convolutions and linear layers uniform in ±1/√fanIn, class vectors N(0, 1), norms 1 and 0, the last
 * convolution of every residual branch 0. Keyed by (seed, name), so that no other tensor matters.
 */
export function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const size = spec.shape.reduce((product, length) => product * length, 1)
  const key = { seed, stream, index: streamOf(spec.name) }
  switch (spec.initial) {
    case 'zeros':
      return new Float32Array(size)
    case 'ones':
      return new Float32Array(size).fill(1)
    case 'normal':
      return normal(key, size)
    case 'positional':
      return normal(key, size).map((value) => value / Math.sqrt(spec.fanIn))
    case 'uniform': {
      const bound = 1 / Math.sqrt(spec.fanIn)
      return Float32Array.from(uniform(key, size), (value) => (2 * value - 1) * bound)
    }
  }
}
