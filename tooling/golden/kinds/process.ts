import {
  coefficients,
  createDiffusion,
  type Diffusion,
  ddim,
  ddimInversion,
  ddpm,
  type Prediction,
  posteriorMean,
  qSample,
  reverse,
  type Sampler,
  type Variance,
} from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import type { Kind } from '../kind.ts'
import { allValuesOf, images, stored } from '../tensors.ts'
import { namedSchedule } from './schedule.ts'

const inputs = ['t', 'x0', 'xt', 'model_output', 'noise', 'gradient']

/** One step of the process: noising, posterior, the network's reverse step, every sampler's step. */
export const process: Kind = {
  name: 'process',
  matches: ({ case: facts, tensors }) => 'mean_type' in facts && tensors.has('q_sample'),
  isInput: (key) => inputs.includes(key),
  compute: async (golden) => {
    const diffusion = diffusionOf(golden.case)
    const steps = [...stored(golden, 't').data]
    const [xStart, x, output, noise] = inputs
      .slice(1, 5)
      .map((key) => images(golden, key)) as tf.Tensor4D[] as [
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
    ]
    const gradient = images(golden, 'gradient')
    const at = coefficients(diffusion, steps)
    const raw = reverse(diffusion, at, x, output, { clip: false })
    const clipped = reverse(diffusion, at, x, output, { clip: true })
    const after = (sampler: Sampler, pull?: tf.Tensor4D) =>
      sampler.step({ x, reverse: clipped, at, noise, ...(pull ? { gradient: pull } : {}) }).x
    const made: Record<string, tf.Tensor> = {
      q_sample: qSample(diffusion, { xStart, t: steps, noise }),
      post_mean: posteriorMean(at, xStart, x),
      post_log_var: tf.broadcastTo(at.posteriorLogVariance, x.shape),
      p_sample: after(ddpm()),
      p_sample_guided: after(ddpm(), gradient),
      ddim_reverse: after(ddimInversion()),
    }
    for (const [prefix, read] of Object.entries({ raw, clip: clipped })) {
      made[`${prefix}:mean`] = read.mean
      made[`${prefix}:log_variance`] = tf.broadcastTo(read.logVariance, x.shape)
      made[`${prefix}:pred_xstart`] = read.xStart
    }
    for (const key of golden.tensors.keys()) {
      const [, guided, eta] = /^ddim_(guided_)?eta([\d.]+)$/.exec(key) ?? []
      if (eta) made[key] = after(ddim({ eta: Number(eta) }), guided ? gradient : undefined)
    }
    return { tensors: await allValuesOf(made) }
  },
}

const predictions: Readonly<Record<string, Prediction>> = {
  EPSILON: 'epsilon',
  START_X: 'x-start',
  PREVIOUS_X: 'previous-x',
  V: 'v',
}

/** The process that a case describes in the reference's words. */
export function diffusionOf(facts: Readonly<Record<string, unknown>>): Diffusion {
  const prediction = predictions[String(facts.mean_type)]
  if (!prediction) throw new Error(`unknown mean_type ${JSON.stringify(facts.mean_type)}`)
  return createDiffusion({
    schedule: namedSchedule(facts.schedule, facts.T),
    prediction,
    variance: String(facts.var_type).toLowerCase().replace('_', '-') as Variance,
  })
}
