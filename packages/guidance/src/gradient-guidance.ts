import type { Guidance, GuidanceContext } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { GuidanceOptionError } from './errors.ts'
import { isZero, type Scale, scaleAt, scaleTensor } from './scale.ts'

/**
 * log p(wish | x) of each image up to a constant: x `[B, H, W, C]` → `[B]`. t `[B]` is how noisy x is, in the numbers
 * of the network. Images of a batch must not influence each other.
 */
export type LogDensity = (x: tf.Tensor4D, t: tf.Tensor1D, context: GuidanceContext) => tf.Tensor1D

/**
 * Where the gradient is taken:
 *
 * - `x`: at x_t, as the reference code does;
 * - `mean`: at μ_θ, around which the derivation expands log p(y | x_{t−1});
 * - `x-start`: the density sees x̂_0, and the gradient goes back through the network to x_t. For wishes about clean
 *   images; one more pass of the network, forward and backward.
 */
export type GradientPoint = 'x' | 'mean' | 'x-start'

export interface GradientGuidanceOptions {
  /** γ. @default 1 */
  readonly scale?: Scale
  /** @default 'x' */
  readonly at?: GradientPoint
}

/**
 * Guidance by any differentiable log-density: γ ∇_x log p(wish | x).
 *
 * @throws GuidanceOptionError
 * @see Dhariwal & Nichol 2021, section 4, https://arxiv.org/abs/2105.05233
 * @example
 * // towards bright images
 * const brighter = gradientGuidance((x) => tf.mean(x, [1, 2, 3]), { scale: 500, at: 'x-start' })
 */
export function gradientGuidance(logDensity: LogDensity, options: GradientGuidanceOptions = {}): Guidance {
  const { scale = 1, at = 'x' } = options
  requirePoint(at, ['x', 'mean', 'x-start'])
  return (context) => {
    const gamma = scaleAt(scale, context)
    if (isZero(gamma)) return tf.zerosLike(context.x)
    return tf.tidy(() => {
      const gradient = gradientAt(at, logDensity, context)
      return tf.mul(gradient, scaleTensor(gamma, 4)) as tf.Tensor4D
    })
  }
}

/** ∇ log p, unscaled. The caller tidies. */
export function gradientAt(at: GradientPoint, logDensity: LogDensity, context: GuidanceContext): tf.Tensor4D {
  const { x, t, tPrevious, reverse, predictXStart } = context
  // the sum's gradient holds each image's own
  const gradient = (point: tf.Tensor4D, density: (input: tf.Tensor4D) => tf.Tensor1D) =>
    tf.grad((input) => tf.sum(density(input as tf.Tensor4D)))(point) as tf.Tensor4D
  switch (at) {
    case 'x':
      return gradient(x, (input) => logDensity(input, t, context))
    case 'mean':
      return gradient(reverse.mean, (input) => logDensity(input, tPrevious, context))
    case 'x-start':
      return gradient(x, (input) => logDensity(predictXStart(input), tf.zerosLike(t), context))
  }
}

/** @throws GuidanceOptionError unless the point is one of those. */
export function requirePoint(at: GradientPoint, known: readonly GradientPoint[]): void {
  if (known.includes(at)) return
  throw new GuidanceOptionError({
    option: 'at',
    value: at,
    expected: known.map((name) => `'${name}'`).join(' or '),
    advice: "Use 'x' to follow the reference code.",
  })
}
