import {
  type Complete,
  createEncoderUNet,
  type EncoderUNet,
  type EncoderUNetConfig,
  type ForwardOptions,
  ModelConfigError,
  type ParameterSpec,
  type Parameters,
  type WeightSource,
} from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'

/** An encoder UNet that ends in one logit a class. */
export type ClassifierConfig = Omit<EncoderUNetConfig, 'outChannels'> & { readonly classes: number }

/** p(y | x_t): which class a noised image shows. */
export interface Classifier {
  readonly classes: number
  readonly config: Complete<EncoderUNetConfig>
  readonly specs: readonly ParameterSpec[]
  /** Kept: `dispose()` frees them. */
  readonly parameters: Parameters
  /** x_t `[B, H, W, C]`, t `[B]` (in the numbers it was trained on) → logits `[B, classes]`, yours. */
  logits(x: tf.Tensor4D, t: tf.Tensor1D, options?: ForwardOptions): tf.Tensor2D
  /** log p(y | x_t) = (log-softmax of the logits)_y: `[B]`, yours. Differentiable in x. */
  logProbability(x: tf.Tensor4D, t: tf.Tensor1D, labels: tf.Tensor1D): tf.Tensor1D
  /** ∇_{x_t} log p(y | x_t): `[B, H, W, C]`, yours. */
  gradient(x: tf.Tensor4D, t: tf.Tensor1D, labels: tf.Tensor1D): tf.Tensor4D
  dispose(): void
}

/**
 * A noise-aware classifier.
 *
 * @param weights tensors under the published names, or `{ seed }` for fresh ones.
 * @throws ModelConfigError, WeightsMismatchError of `@guided-diffusion/models`.
 * @see Dhariwal & Nichol 2021, section 4, https://arxiv.org/abs/2105.05233
 * @example
 * const classifier = createClassifier({ size: 28, inChannels: 1, channels: 32, multipliers: [1, 2, 2], classes: 10 }, { seed: 1 })
 */
export function createClassifier(config: ClassifierConfig, weights: WeightSource): Classifier {
  return classifierOf(createEncoderUNet(encoderConfig(config), weights))
}

/**
 * The configuration of the encoder that is the classifier.
 *
 * @throws ModelConfigError
 */
export function encoderConfig({ classes, ...trunk }: ClassifierConfig): EncoderUNetConfig {
  if (!(Number.isInteger(classes) && classes > 0)) {
    throw new ModelConfigError({
      parameter: 'classes',
      value: classes,
      expected: 'a positive whole number',
      advice: 'Give the number of classes that the images have.',
    })
  }
  return { ...trunk, outChannels: classes }
}

/** An encoder UNet as a classifier, which then owns it. */
export function classifierOf(encoder: EncoderUNet): Classifier {
  const logits: Classifier['logits'] = (x, t, options) => encoder.forward(x, t, options)
  const logProbability: Classifier['logProbability'] = (x, t, labels) =>
    tf.tidy(() => selectLabels(tf.logSoftmax(logits(x, t)), labels))
  return {
    classes: encoder.config.outChannels,
    config: encoder.config,
    specs: encoder.specs,
    parameters: encoder.parameters,
    logits,
    logProbability,
    // images of a batch do not influence each other, so the gradient of the sum holds each one's gradient
    gradient: (x, t, labels) =>
      tf.tidy(
        () => tf.grad((images) => tf.sum(logProbability(images as tf.Tensor4D, t, labels)))(x) as tf.Tensor4D,
      ),
    dispose: () => encoder.dispose(),
  }
}

/** The entry of each row that its label names: `[B, K]`, `[B]` → `[B]`, yours. */
export function selectLabels(rows: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  return tf.tidy(() => {
    const chosen = tf.cast(tf.oneHot(labels, rows.shape[1]), 'float32')
    return tf.sum<tf.Tensor1D>(tf.mul(rows, chosen), 1)
  })
}
