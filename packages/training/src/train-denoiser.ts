import {
  type Diffusion,
  type LossKind,
  type LossWeighting,
  networkTimesteps,
  qSample,
  trainingLoss,
} from '@guided-diffusion/diffusion'
import type { ForwardOptions, ParameterSpec, Parameters } from '@guided-diffusion/models'
import { normal, streamOf, uniform } from '@guided-diffusion/random'
import * as tf from '@tensorflow/tfjs-core'
import { TrainingOptionError } from './errors.ts'
import { lossSecondMoment, type TimestepSampler, uniformTimesteps } from './timestep-sampler.ts'
import {
  type Microbatch,
  type TrainingBatch,
  type TrainingOptions,
  type TrainingStep,
  train,
} from './train.ts'

/** What can be trained to denoise: a `UNet` is one. */
export interface TrainableDenoiser {
  readonly specs: readonly ParameterSpec[]
  readonly parameters: Parameters
  readonly config: { readonly classes?: number; readonly nullClass?: boolean }
  forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D, options?: ForwardOptions): tf.Tensor4D
}

export interface TrainDenoiserOptions extends TrainingOptions {
  readonly diffusion: Diffusion
  /** Its weights are where the run begins; they stay as they are. */
  readonly denoiser: TrainableDenoiser
  /** @default 'hybrid' */
  readonly loss?: LossKind
  /** @default 'uniform' */
  readonly weighting?: LossWeighting
  /** @default 'uniform' */
  readonly timesteps?: 'uniform' | 'loss-second-moment'
  /** Share of the labels replaced by the null class, so that one network serves with and without a class. @default 0 */
  readonly labelDropout?: number
}

const noiseStream = streamOf('training noise')
const labelStream = streamOf('training label dropout')

/**
 * Trains a denoiser: each image is noised to a random timestep, and the network learns to undo it.
 *
 * Everything random is keyed by the seed and the image's position in the run, so that a run which was interrupted
 * and resumed has the weights of one that was not.
 *
 * @throws TrainingOptionError, TrainingDivergedError
 * @see Ho et al. 2020, algorithm 1, https://arxiv.org/abs/2006.11239
 * @example
 * for await (const step of trainDenoiser({ diffusion, denoiser, data, steps: 10_000, seed: 1, optimizer })) {
 *   if (step.index % 1000 === 0) await saveState('run/state.safetensors', step.state)
 * }
 */
export function trainDenoiser(options: TrainDenoiserOptions): AsyncGenerator<TrainingStep> {
  const { diffusion, denoiser, seed, loss = 'hybrid', weighting = 'uniform', labelDropout = 0 } = options
  if (labelDropout > 0 && !denoiser.config.nullClass) {
    throw new TrainingOptionError({
      option: 'labelDropout',
      value: labelDropout,
      expected: '0 for a network without a null class',
      advice: 'Build the network with nullClass: true.',
    })
  }
  if (!(labelDropout >= 0 && labelDropout <= 1)) {
    throw new TrainingOptionError({
      option: 'labelDropout',
      value: labelDropout,
      expected: 'a share from 0 to 1',
      advice: 'Usual shares are 0.1 and 0.2.',
    })
  }
  const { steps } = diffusion.schedule
  const losses = (parameters: Parameters, batch: Microbatch) => {
    const xStart = batch.images
    const noise = sampleNoise(seed, batch)
    const x = qSample(diffusion, { xStart, t: batch.timesteps, noise })
    const output = denoiser.forward(
      x,
      networkTimesteps(diffusion, batch.timesteps),
      labelsFor(denoiser, batch, { seed, labelDropout }),
      { parameters, dropout: { seed, index: batch.firstSample } },
    )
    return trainingLoss(
      diffusion,
      { xStart, x, noise, t: batch.timesteps, output },
      { kind: loss, weighting },
    )
  }
  const timesteps = timestepSampler(options.timesteps ?? 'uniform', steps)
  const { specs, parameters, config } = denoiser
  const requireBatch = (batch: TrainingBatch) => {
    if (config.classes === undefined) return
    requireLabels(batch, config.classes, 'Train a network without classes on images without labels.')
  }
  return train({ specs, parameters, timesteps, length: steps, requireBatch, losses }, options)
}

/** The sampler of a name. */
export function timestepSampler(kind: 'uniform' | 'loss-second-moment', steps: number): TimestepSampler {
  return kind === 'uniform' ? uniformTimesteps(steps) : lossSecondMoment(steps)
}

/** N(0, I) for each image, keyed by its position in the run. */
export function sampleNoise(seed: number, { images, firstSample }: Microbatch): tf.Tensor4D {
  const [count, ...shape] = images.shape
  const size = shape.reduce((product, length) => product * length, 1)
  const noise = new Float32Array(count * size)
  for (let i = 0; i < count; i++)
    noise.set(normal({ seed, stream: noiseStream, index: firstSample + i }, size), i * size)
  return tf.tensor4d(noise, images.shape)
}

function labelsFor(
  denoiser: TrainableDenoiser,
  batch: Microbatch,
  { seed, labelDropout }: { seed: number; labelDropout: number },
): tf.Tensor1D | undefined {
  const { classes, nullClass } = denoiser.config
  if (classes === undefined) return undefined
  const kept = (batch.labels as Int32Array).map((label, i) => {
    if (!nullClass || labelDropout === 0) return label
    const [u] = uniform({ seed, stream: labelStream, index: batch.firstSample + i }, 1)
    return (u as number) < labelDropout ? classes : label
  })
  return tf.tensor1d(kept, 'int32')
}

/** @throws TrainingOptionError unless every image has a label, and each is one of the classes. */
export function requireLabels({ labels }: TrainingBatch, classes: number, advice: string): void {
  const wrong = labels?.find((label) => label < 0 || label >= classes)
  if (labels && wrong === undefined) return
  throw new TrainingOptionError({
    option: 'data',
    value: wrong ?? 'images without labels',
    expected: labels ? `labels from 0 to ${classes - 1}` : `labels of ${classes} classes`,
    advice: labels ? 'Build the network for as many classes as the data set has.' : advice,
  })
}
