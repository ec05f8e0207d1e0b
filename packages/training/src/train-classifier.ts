import { type Classifier, classifierLoss } from '@guided-diffusion/classifier'
import { type Diffusion, networkTimesteps, qSample } from '@guided-diffusion/diffusion'
import type { Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import {
  type Microbatch,
  type TrainingBatch,
  type TrainingOptions,
  type TrainingStep,
  train,
} from './train.ts'
import { requireLabels, sampleNoise, timestepSampler } from './train-denoiser.ts'

export interface TrainClassifierOptions extends TrainingOptions {
  /** Its schedule noises the images; its prediction and variance play no part. */
  readonly diffusion: Diffusion
  /** Its weights are where the run begins; they stay as they are. */
  readonly classifier: Classifier
  /** @default 'uniform' */
  readonly timesteps?: 'uniform' | 'loss-second-moment'
}

/**
 * Trains a classifier on noised images: cross-entropy at random timesteps. `metrics.accuracy` is the share of
 * images whose class has the largest logit.
 *
 * @throws TrainingOptionError, TrainingDivergedError
 * @see Dhariwal & Nichol 2021, section 4, https://arxiv.org/abs/2105.05233
 */
export function trainClassifier(options: TrainClassifierOptions): AsyncGenerator<TrainingStep> {
  const { diffusion, classifier, seed } = options
  const { steps } = diffusion.schedule
  const losses = (parameters: Parameters, batch: Microbatch) => {
    const labels = tf.tensor1d(batch.labels as Int32Array, 'int32')
    const x = qSample(diffusion, {
      xStart: batch.images,
      t: batch.timesteps,
      noise: sampleNoise(seed, batch),
    })
    const { loss, logits } = classifierLoss(
      classifier,
      { x, t: networkTimesteps(diffusion, batch.timesteps), labels },
      { parameters, dropout: { seed, index: batch.firstSample } },
    )
    const accuracy: tf.Tensor1D = tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')
    return { loss, accuracy }
  }
  const timesteps = timestepSampler(options.timesteps ?? 'uniform', steps)
  const { specs, parameters, classes } = classifier
  const requireBatch = (batch: TrainingBatch) =>
    requireLabels(batch, classes, 'A classifier learns from labelled images.')
  return train({ specs, parameters, timesteps, length: steps, requireBatch, losses }, options)
}
