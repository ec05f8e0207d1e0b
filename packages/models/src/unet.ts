import * as tf from '@tensorflow/tfjs-core'
import { checkImages, checkLabels } from './inputs.ts'
import { conv2d } from './layers/conv2d.ts'
import { createDropout, type DropoutKey } from './layers/dropout.ts'
import { groupNorm } from './layers/group-norm.ts'
import { activateEmbedding, embed } from './layers/res-block.ts'
import { timestepEmbedding } from './layers/timestep-embedding.ts'
import { disposeParameters, type ParameterSpec, type Parameters } from './parameters.ts'
import { joinChannels, type Pass, runBlock, runTrunk } from './trunk.ts'
import { type Complete, completeConfig, type UNetConfig } from './unet-config.ts'
import { planUNet, type UNetPlan } from './unet-plan.ts'
import { createParameters, type WeightSource } from './weights.ts'

/** What one pass may do beside predicting. */
export interface ForwardOptions {
  /**
   * Use these weights in place of the network's own (training, EMA), and let gradients flow to them. The network's
   * own weights are constants to a gradient, which makes that with respect to x cheaper.
   */
  readonly parameters?: Parameters
  /** Drop activations as in training; without a key nothing is dropped. */
  readonly dropout?: DropoutKey
  /** Sees the output of each block under its name; lent. */
  readonly observe?: (name: string, output: tf.Tensor4D) => void
}

/** A network, its weights and its plan. */
export interface UNet {
  readonly config: Complete<UNetConfig>
  /** Every parameter's name, shape and layout. */
  readonly specs: readonly ParameterSpec[]
  /** Kept: `dispose()` frees them. */
  readonly parameters: Parameters
  /**
   * x `[B, H, W, C]`, t `[B]` (in the numbers the network was trained on), labels `[B]` int32
   * → `[B, H, W, outChannels]`. Inputs stay yours; the result is yours.
   * Without labels a network with a null class predicts for no class.
   *
   * @throws ModelInputError when a shape does not fit.
   */
  forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D, options?: ForwardOptions): tf.Tensor4D
  dispose(): void
}

/**
 * The UNet of Dhariwal & Nichol with every option of the reference code.
 *
 * @param weights tensors under the published names, or `{ seed }` for fresh ones.
 * @throws ModelConfigError, WeightsMismatchError
 * @see Dhariwal & Nichol 2021, section 3 and appendix, https://arxiv.org/abs/2105.05233
 * @example
 * const unet = createUNet({ size: 28, inChannels: 1, outChannels: 2, channels: 32, multipliers: [1, 2] }, { seed: 1 })
 */
export function createUNet(config: UNetConfig, weights: WeightSource): UNet {
  const plan = planUNet(completeConfig(config))
  const parameters = createParameters(plan.parameters, weights)
  return {
    config: plan.config,
    specs: plan.parameters,
    parameters,
    forward: (x, t, labels, options = {}) => {
      checkImages(plan.config, x, t)
      checkLabels(plan.config, x, labels)
      return tf.tidy(() => runUNet(plan, options.parameters ?? parameters, x, t, labels, options))
    },
    dispose: () => disposeParameters(parameters),
  }
}

/** The forward pass of a plan; the caller tidies. */
export function runUNet(
  plan: UNetPlan,
  parameters: Parameters,
  x: tf.Tensor4D,
  t: tf.Tensor1D,
  labels: tf.Tensor1D | undefined,
  options: ForwardOptions,
): tf.Tensor4D {
  const { config } = plan
  const classes =
    labels ?? (config.nullClass ? tf.fill([x.shape[0]], config.classes as number, 'int32') : undefined)
  const embedding = embed(
    parameters,
    timestepEmbedding(t, config.channels),
    classes as tf.Tensor1D | undefined,
  )
  const pass: Pass = {
    parameters,
    config,
    embedding: activateEmbedding(embedding),
    dropout: createDropout(config.dropout, options.dropout),
    frozen: options.parameters === undefined,
    observe: options.observe,
  }
  const { output, skips } = runTrunk(pass, plan, x)
  const decoded = plan.outputBlocks.reduce(
    (h, block) => runBlock(pass, block, joinChannels(h, skips.pop() as tf.Tensor4D)),
    output,
  )
  const activated = groupNorm(parameters, 'out.0', decoded, 'silu')
  return conv2d(parameters, 'out.2', activated, pass)
}
