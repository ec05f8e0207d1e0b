import * as tf from '@tensorflow/tfjs-core'
import { checkImages } from './inputs.ts'
import { attentionPool } from './layers/attention-pool.ts'
import { conv2d } from './layers/conv2d.ts'
import { createDropout } from './layers/dropout.ts'
import { groupNorm } from './layers/group-norm.ts'
import { linear } from './layers/linear.ts'
import { activateEmbedding, embed } from './layers/res-block.ts'
import { timestepEmbedding } from './layers/timestep-embedding.ts'
import { disposeParameters, type ParameterSpec, type Parameters } from './parameters.ts'
import { type Pass, runTrunk } from './trunk.ts'
import type { ForwardOptions } from './unet.ts'
import { type Complete, completeConfig, type EncoderUNetConfig } from './unet-config.ts'
import { type EncoderUNetPlan, planEncoderUNet } from './unet-plan.ts'
import { createParameters, type WeightSource } from './weights.ts'

/** The downsampling half of the UNet with a pooled head. */
export interface EncoderUNet {
  readonly config: Complete<EncoderUNetConfig>
  readonly specs: readonly ParameterSpec[]
  /** Kept: `dispose()` frees them. */
  readonly parameters: Parameters
  /** x `[B, H, W, C]`, t `[B]` → `[B, outChannels]`. Inputs stay yours; the result is yours. */
  forward(x: tf.Tensor4D, t: tf.Tensor1D, options?: ForwardOptions): tf.Tensor2D
  dispose(): void
}

/**
 * The encoder UNet with one of four heads:
 *
 * - `adaptive`: norm, SiLU, mean over pixels, 1×1 convolution;
 * - `attention`: norm, SiLU, attention pooling;
 * - `spatial`: the means of every block's output, then linear, ReLU, linear;
 * - `spatial-v2`: the same means, then linear, norm, SiLU, linear.
 *
 * @throws ModelConfigError, WeightsMismatchError
 * @see Dhariwal & Nichol 2021, section 4, https://arxiv.org/abs/2105.05233
 */
export function createEncoderUNet(config: EncoderUNetConfig, weights: WeightSource): EncoderUNet {
  const plan = planEncoderUNet(completeConfig(config))
  const parameters = createParameters(plan.parameters, weights)
  return {
    config: plan.config,
    specs: plan.parameters,
    parameters,
    forward: (x, t, options = {}) => {
      checkImages(plan.config, x, t)
      return tf.tidy(() => runEncoder(plan, options.parameters ?? parameters, x, t, options))
    },
    dispose: () => disposeParameters(parameters),
  }
}

function runEncoder(
  plan: EncoderUNetPlan,
  parameters: Parameters,
  x: tf.Tensor4D,
  t: tf.Tensor1D,
  options: ForwardOptions,
): tf.Tensor2D {
  const { config } = plan
  const pass: Pass = {
    parameters,
    config,
    embedding: activateEmbedding(embed(parameters, timestepEmbedding(t, config.channels))),
    dropout: createDropout(config.dropout, options.dropout),
    frozen: options.parameters === undefined,
    observe: options.observe,
  }
  const { output, skips } = runTrunk(pass, plan, x)
  const { pool, heads } = plan.head
  if (pool === 'attention') {
    return attentionPool(parameters, 'out.2', groupNorm(parameters, 'out.0', output, 'silu'), heads)
  }
  if (pool === 'adaptive') {
    const pooled = tf.mean(groupNorm(parameters, 'out.0', output, 'silu'), [1, 2], true) as tf.Tensor4D
    return tf.reshape(conv2d(parameters, 'out.3', pooled, pass), [-1, config.outChannels])
  }
  const means = [...skips, output].map((activation) => tf.mean(activation, [1, 2]) as tf.Tensor2D)
  const hidden = linear(parameters, 'out.0', tf.concat(means, 1))
  if (pool === 'spatial') return linear(parameters, 'out.2', tf.relu(hidden))
  const [batch, width] = hidden.shape
  const normalized = groupNorm(parameters, 'out.1', tf.reshape(hidden, [batch, 1, 1, width]), 'silu')
  return linear(parameters, 'out.3', tf.reshape(normalized, [batch, width]))
}
