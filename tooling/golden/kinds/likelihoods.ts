import { discretizedGaussianLogLikelihood, gaussianKl } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import type { Kind } from '../kind.ts'
import { allValuesOf, stored } from '../tensors.ts'

/** The discretised Gaussian's likelihood, and the divergence of two Gaussians. */
export const likelihoods: Kind = {
  name: 'likelihoods',
  matches: ({ tensors }) => tensors.has('dgll') && tensors.has('kl'),
  isInput: (key) => key !== 'dgll' && key !== 'kl',
  compute: async (golden) => {
    const matrix = (key: string) => tf.tensor(stored(golden, key).data, stored(golden, key).shape)
    const first = { mean: matrix('mean1'), logVariance: matrix('logvar1') }
    const second = { mean: matrix('mean2'), logVariance: matrix('logvar2') }
    const likelihood = discretizedGaussianLogLikelihood(matrix('x'), {
      mean: first.mean,
      logScale: matrix('log_scale'),
    })
    return { tensors: await allValuesOf({ kl: gaussianKl(first, second), dgll: likelihood }) }
  },
}
