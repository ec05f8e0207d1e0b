import type { Denoiser } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError } from './errors.ts'

/**
 * Classifier-free guidance: a denoiser that predicts ε_∅ + w (ε_y − ε_∅) by two passes, with the class and without.
 *
 * w = 0 is unconditional, 1 conditional, more exaggerates the class. A learned variance is the conditional one.
 * The denoiser must know a null class: called without labels, it predicts for none.
 *
 * @throws GuidanceOptionError when the denoiser has classes but no null class, or w is not finite.
 * @see Ho & Salimans 2022, eq. 6 (its w is ours less 1), https://arxiv.org/abs/2207.12598
 */
export function classifierFree(
  denoiser: Denoiser & { readonly config?: { readonly classes?: number; readonly nullClass?: boolean } },
  { scale }: { readonly scale: number },
): Denoiser {
  if (!Number.isFinite(scale)) {
    throw new GuidanceOptionError({
      option: 'scale',
      value: scale,
      expected: 'a finite number',
      advice: 'Start from 2.',
    })
  }
  if (denoiser.config && !(denoiser.config.classes !== undefined && denoiser.config.nullClass)) {
    throw new GuidanceOptionError({
      option: 'denoiser',
      value: { classes: denoiser.config.classes ?? null, nullClass: denoiser.config.nullClass ?? false },
      expected: 'a network with classes and a null class',
      advice: 'Train with nullClass: true and labelDropout, or guide by a classifier.',
    })
  }
  return {
    forward: (x, t, labels) => {
      if (scale === 0 || !labels) return denoiser.forward(x, t)
      const conditional = denoiser.forward(x, t, labels)
      if (scale === 1) return conditional
      const unconditional = second(conditional, () => denoiser.forward(x, t))
      if (conditional instanceof Promise || unconditional instanceof Promise) {
        return both(conditional, unconditional).then(([y, none]) => combine(y, none, x.shape[3], scale))
      }
      return combine(conditional, unconditional, x.shape[3], scale)
    },
  }
}

type Answer = tf.Tensor4D | Promise<tf.Tensor4D>

/** The second pass; the first one's answer is freed when it throws. */
function second(first: Answer, pass: () => Answer): Answer {
  try {
    return pass()
  } catch (error) {
    if (first instanceof Promise) first.then(free, () => undefined)
    else free(first)
    throw error
  }
}

/** Both answers, or the error of one: then the other is freed. */
async function both(...answers: [Answer, Answer]): Promise<[tf.Tensor4D, tf.Tensor4D]> {
  const settled = await Promise.allSettled(answers)
  const failed = settled.find((each) => each.status === 'rejected')
  const tensors = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  if (!failed) return tensors as [tf.Tensor4D, tf.Tensor4D]
  free(tensors)
  throw failed.reason
}

const free = (tensors: tf.Tensor | tf.Tensor[]): void => tf.dispose(tensors)

/** The denoiser without its labels: what it predicts for no class in particular. */
export function unconditional(denoiser: Denoiser): Denoiser {
  return { forward: (x, t) => denoiser.forward(x, t) }
}

/** ∅ + w (y − ∅) on the prediction's channels, y's own on those of the variance. Frees both. */
function combine(y: tf.Tensor4D, none: tf.Tensor4D, channels: number, scale: number): tf.Tensor4D {
  const result = tf.tidy(() => {
    const [batch, height, width, all] = y.shape
    const size: [number, number, number, number] = [batch, height, width, channels]
    const predicted = tf.slice(y, [0, 0, 0, 0], size)
    const base = tf.slice(none, [0, 0, 0, 0], size)
    const mixed: tf.Tensor4D = tf.add(base, tf.mul(tf.sub(predicted, base), scale))
    if (all === channels) return mixed
    return tf.concat([mixed, tf.slice(y, [0, 0, 0, channels], [-1, -1, -1, -1])], 3)
  })
  tf.dispose([y, none])
  return result
}
