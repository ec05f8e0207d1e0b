/**
 * Group normalisation with the affine part folded to one scale and one shift a sample and channel,
 * and SiLU behind it:
 *
 *   x̂ = (x − mean_g) / √(var_g + 10⁻⁵),   u = scale · x̂ + shift,   y = u or u · σ(u)
 *
 * A backend that has the fused kernels `GuidedGroupNorm` and `GuidedGroupNormGrad` runs those; elsewhere the
 * same is composed of plain operations, with a gradient written out since the composed one costs far more passes.
 *
 * @see Wu & He 2018, https://arxiv.org/abs/1803.08494
 */
import * as tf from '@tensorflow/tfjs-core'
import { type Parameters, parameter } from '../parameters.ts'
import { groups } from '../unet-config.ts'

const epsilon = 1e-5

export type Activation = 'silu' | 'linear'

/** Scale and shift per sample and channel, `[B, C]` each, from the embedding. */
export interface Modulation {
  readonly scale: tf.Tensor2D
  readonly shift: tf.Tensor2D
}

/**
 * GroupNorm32 with the weight and bias called `name`, modulated by (1 + scale) and shift where given,
 * then the activation: `[B, H, W, C]` → `[B, H, W, C]`.
 */
export function groupNorm(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  activation: Activation,
  modulation?: Modulation,
): tf.Tensor4D {
  const [batch] = x.shape
  const weight = parameter<tf.Tensor1D>(parameters, `${name}.weight`)
  const bias = parameter<tf.Tensor1D>(parameters, `${name}.bias`)
  if (!modulation) {
    return normalize(x, repeated(weight, batch), repeated(bias, batch), activation)
  }
  const factor = tf.add(modulation.scale, 1)
  return normalize(x, tf.mul(factor, weight), tf.add(tf.mul(factor, bias), modulation.shift), activation)
}

/** The same row for each sample: `[C]` → `[B, C]`. */
const repeated = (row: tf.Tensor1D, batch: number): tf.Tensor2D =>
  batch === 1 ? tf.expandDims(row, 0) : tf.add(tf.fill<tf.Rank.R2>([batch, 1], 0), row)

function normalize(
  x: tf.Tensor4D,
  scale: tf.Tensor2D,
  shift: tf.Tensor2D,
  activation: Activation,
): tf.Tensor4D {
  const fused = tf.getKernel('GuidedGroupNorm', tf.getBackend()) !== undefined
  const operation = tf.customGrad((...args) => {
    const [input, a, b, save] = args as unknown as [tf.Tensor4D, tf.Tensor2D, tf.Tensor2D, tf.GradSaveFunc]
    return fused ? runFused(input, a, b, activation, save) : runComposed(input, a, b, activation, save)
  })
  return operation(x, scale, shift) as tf.Tensor4D
}

type Operation = { value: tf.Tensor; gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[] }

function runFused(
  x: tf.Tensor4D,
  scale: tf.Tensor2D,
  shift: tf.Tensor2D,
  activation: Activation,
  save: tf.GradSaveFunc,
): Operation {
  const attributes = { groups, epsilon, activation }
  const value = tf.engine().runKernel('GuidedGroupNorm', { x, scale, shift }, attributes) as tf.Tensor
  save([x, scale, shift])
  return {
    value,
    gradFunc: (dy, saved) => {
      const [input, a, b] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
      const inputs = { dy, x: input, scale: a, shift: b }
      return tf.engine().runKernel('GuidedGroupNormGrad', inputs, attributes) as tf.Tensor[]
    },
  }
}

function runComposed(
  x: tf.Tensor4D,
  scale: tf.Tensor2D,
  shift: tf.Tensor2D,
  activation: Activation,
  save: tf.GradSaveFunc,
): Operation {
  const [batch, height, width, channels] = x.shape
  const flatten = (tensor: tf.Tensor) => tf.reshape<tf.Rank.R3>(tensor, [batch, height * width, channels])
  const { mean, rstd } = statistics(flatten(x))
  // u = x · factor + offset
  const factor: tf.Tensor2D = tf.mul(scale, rstd)
  const offset: tf.Tensor2D = tf.sub(shift, tf.mul(mean, factor))
  const u = affine(flatten(x), factor, offset)
  save([x, scale, mean, rstd, factor, offset])
  return {
    value: tf.reshape(activation === 'silu' ? tf.mul(u, tf.sigmoid(u)) : u, x.shape),
    gradFunc: (dy, saved) => {
      const [input, a, m, r, f, o] = saved as [
        tf.Tensor,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ]
      const flat = flatten(input)
      const incoming = flatten(dy)
      const du = activation === 'silu' ? siluGradient(affine(flat, f, o), incoming) : incoming
      return gradients(flat, du, { scale: a, mean: m, rstd: r, factor: f }, input.shape)
    },
  }
}

/** x · factor + offset with `[B, C]` coefficients on `[B, P, C]`. */
function affine(x: tf.Tensor3D, factor: tf.Tensor2D, offset: tf.Tensor2D): tf.Tensor3D {
  return tf.add(tf.mul(x, tf.expandDims(factor, 1)), tf.expandDims(offset, 1))
}

/** Mean and 1/√(var + ε) of each sample's groups, spread over their channels: `[B, C]` each. */
function statistics(x: tf.Tensor3D): { mean: tf.Tensor2D; rstd: tf.Tensor2D } {
  const mean = groupMean(tf.mean<tf.Tensor2D>(x, 1))
  const centered = tf.sub(x, tf.expandDims(mean, 1))
  const variance = groupMean(tf.mean<tf.Tensor2D>(tf.square(centered), 1))
  return { mean, rstd: tf.rsqrt(tf.add(variance, epsilon)) }
}

/** The mean over each group's channels, repeated for each of them: `[B, C]` → `[B, C]`. */
function groupMean(perChannel: tf.Tensor2D): tf.Tensor2D {
  const [batch, channels] = perChannel.shape
  const size = channels / groups
  if (size === 1) return perChannel
  const grouped = tf.mean(tf.reshape(perChannel, [batch * groups, size]), 1, true)
  return tf.reshape(tf.mul(grouped, tf.ones([1, size])), [batch, channels])
}

/** dy · d(u σ(u))/du = dy · (σ + u σ (1 − σ)). */
function siluGradient(u: tf.Tensor3D, dy: tf.Tensor3D): tf.Tensor3D {
  const s = tf.sigmoid(u)
  const y = tf.mul(u, s)
  return tf.mul(dy, tf.add(s, tf.sub(y, tf.mul(y, s))))
}

/**
 * dx = factor · du − rstd · (mean_g(scale · du) + x̂ · mean_g(scale · du · x̂)),  dscale = Σ du · x̂,  dshift = Σ du.
 */
function gradients(
  x: tf.Tensor3D,
  du: tf.Tensor3D,
  saved: { scale: tf.Tensor2D; mean: tf.Tensor2D; rstd: tf.Tensor2D; factor: tf.Tensor2D },
  shape: number[],
): tf.Tensor[] {
  const { scale, mean, rstd, factor } = saved
  const pixels = x.shape[1]
  const dshift = tf.sum(du, 1) as tf.Tensor2D
  const duX = tf.sum(tf.mul(du, x), 1) as tf.Tensor2D
  const dscale = tf.mul(tf.sub(duX, tf.mul(mean, dshift)), rstd)
  const meanDu = tf.mul(groupMean(tf.mul(scale, dshift)), 1 / pixels)
  const meanDuX = tf.mul(groupMean(tf.mul(scale, dscale)), 1 / pixels)
  // −rstd (meanDu + (x − mean) rstd meanDuX) = x · slope + constant
  const slope: tf.Tensor2D = tf.neg(tf.mul(tf.square(rstd), meanDuX))
  const constant: tf.Tensor2D = tf.neg(tf.add(tf.mul(rstd, meanDu), tf.mul(slope, mean)))
  const dx = tf.add(tf.mul(du, tf.expandDims(factor, 1)), affine(x, slope, constant))
  return [tf.reshape(dx, shape), dscale, dshift]
}
