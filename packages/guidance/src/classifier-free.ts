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
      value: String(scale),
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
      const unconditional = denoiser.forward(x, t)
      if (conditional instanceof Promise || unconditional instanceof Promise) {
        return Promise.all([conditional, unconditional]).then(([y, none]) =>
          combine(y, none, x.shape[3], scale),
        )
      }
      return combine(conditional, unconditional, x.shape[3], scale)
    },
  }
}

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
