import type { DropoutKey, Parameters } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { type Classifier, selectLabels } from './classifier.ts'

export interface ClassifierLoss {
  /** −log p(y | x_t) of each image in nats: `[B]`. Yours. */
  readonly loss: tf.Tensor1D
  /** The logits behind it, `[B, classes]`. Yours. */
  readonly logits: tf.Tensor2D
}

/**
 * The training objective: cross-entropy on noised images, −log p(y | x_t).
 *
 * `x` is already noised to `t`. `parameters` stands in for the classifier's own while training.
 */
export function classifierLoss(
  classifier: Classifier,
  batch: { x: tf.Tensor4D; t: tf.Tensor1D; labels: tf.Tensor1D },
  options: { parameters?: Parameters; dropout?: DropoutKey } = {},
): ClassifierLoss {
  const logits = classifier.logits(batch.x, batch.t, options)
  const loss = tf.tidy(() => tf.neg(selectLabels(tf.logSoftmax(logits), batch.labels)) as tf.Tensor1D)
  return { loss, logits }
}
