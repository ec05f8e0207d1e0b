import type { Guidance, GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError, MissingLabelsError } from './errors.ts'
import { type GradientPoint, gradientAt, requirePoint } from './gradient-guidance.ts'
import { isZero, type Scale, scaleAt, scaleTensor } from './scale.ts'

/** Whatever tells classes of noised images apart; a `Classifier` is one. */
export interface NoisyClassifier {
  /** x_t `[B, H, W, C]`, t `[B]` → logits `[B, classes]`. */
  logits(x: tf.Tensor4D, t: tf.Tensor1D): tf.Tensor2D
}

export interface ClassifierGuidanceOptions {
  /** γ. @default 1 */
  readonly scale?: Scale
  /** Where the gradient is taken. @default 'x' */
  readonly at?: Exclude<GradientPoint, 'x-start'>
  /**
   * `scaled`: γ ∇ log p(y | x), the paper's. `renormalized`: the gradient of log (p(y | x)^γ / Σ_k p(k | x)^γ), the
   * log-softmax of γ times the logits, which fades where the sharpened classifier is sure. @default 'scaled'
   */
  readonly sharpening?: 'scaled' | 'renormalized'
}

/**
 * Classifier guidance: pulls each image to the class of its label.
 *
 * @throws GuidanceOptionError; MissingLabelsError when the run has no labels.
 * @see Dhariwal & Nichol 2021, section 4, https://arxiv.org/abs/2105.05233
 * @example
 * const guidance = classifierGuidance(classifier, { scale: 4 })
 * const images = await generate({ diffusion, denoiser, guidance, labels: [7, 7, 8], shape, seed: 1 })
 */
export function classifierGuidance(
  classifier: NoisyClassifier,
  options: ClassifierGuidanceOptions = {},
): Guidance {
  const { scale = 1, at = 'x', sharpening = 'scaled' } = options
  requirePoint(at, ['x', 'mean'])
  if (sharpening !== 'scaled' && sharpening !== 'renormalized') {
    throw new GuidanceOptionError({
      option: 'sharpening',
      value: sharpening,
      expected: "'scaled' or 'renormalized'",
      advice: "Use 'scaled' to follow the paper.",
    })
  }
  return (context) => {
    const labels = requireLabels(context)
    const gamma = scaleAt(scale, context)
    if (isZero(gamma)) return tf.zerosLike(context.x)
    return tf.tidy(() => {
      if (sharpening === 'renormalized') {
        return gradientAt(
          at,
          (x, t) => logSoftmaxAt(tf.mul(classifier.logits(x, t), scaleTensor(gamma, 2)), labels),
          context,
        )
      }
      const gradient = gradientAt(at, (x, t) => logSoftmaxAt(classifier.logits(x, t), labels), context)
      return tf.mul(gradient, scaleTensor(gamma, 4)) as tf.Tensor4D
    })
  }
}

/** (log-softmax of each row)_label: `[B, K]`, `[B]` → `[B]`. */
function logSoftmaxAt(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  const chosen = tf.cast(tf.oneHot(labels, logits.shape[1]), 'float32')
  return tf.sum(tf.mul(tf.logSoftmax(logits), chosen), 1)
}

function requireLabels({ labels }: GuidanceContext): tf.Tensor1D {
  if (!labels) throw new MissingLabelsError()
  return labels
}
