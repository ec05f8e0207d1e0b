import { type Classifier, classifierLoss } from '@guided-diffusion/classifier'
import { type Diffusion, networkTimesteps, qSample } from '@guided-diffusion/diffusion'
import type { Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { TrainingOptionError } from './errors.ts'
import { type Microbatch, type TrainingOptions, type TrainingStep, train } from './train.ts'
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
    if (!batch.labels) {
      throw new TrainingOptionError({
        option: 'data',
        value: 'images without labels',
        expected: `labels of ${classifier.classes} classes`,
        advice: 'A classifier learns from labelled images.',
      })
    }
    requireLabels(batch.labels, classifier.classes)
    const labels = tf.tensor1d(batch.labels, 'int32')
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
  return train(
    { specs: classifier.specs, parameters: classifier.parameters, timesteps, length: steps, losses },
    options,
  )
}
