import * as tf from '@tensorflow/tfjs-core'
import { ModelInputError } from './errors.ts'
import { checkImages, checkLabels } from './inputs.ts'
import { disposeParameters, type ParameterSpec, type Parameters } from './parameters.ts'
import { joinChannels } from './trunk.ts'
import { type ForwardOptions, runUNet } from './unet.ts'
import { type Complete, completeConfig, type SuperResolutionUNetConfig } from './unet-config.ts'
import { planUNet } from './unet-plan.ts'
import { createParameters, type WeightSource } from './weights.ts'

/** The UNet that upscales. */
export interface SuperResolutionUNet {
  readonly config: Complete<SuperResolutionUNetConfig>
  readonly specs: readonly ParameterSpec[]
  /** Kept: `dispose()` frees them. */
  readonly parameters: Parameters
  /** As `UNet.forward`, given the low-resolution images `[B, h, w, C]` in [−1, 1]. */
  forward(
    x: tf.Tensor4D,
    t: tf.Tensor1D,
    labels: tf.Tensor1D | undefined,
    lowResolution: tf.Tensor4D,
    options?: ForwardOptions,
  ): tf.Tensor4D
  /** A denoiser for samplers, bound to the images to upscale (lent for as long as it is used). */
  upscaling(lowResolution: tf.Tensor4D): {
    forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D): tf.Tensor4D
  }
  dispose(): void
}

/**
 * The ADM UNet on [x_t, bilinear upsampling of the low-resolution image]: `inChannels` counts the image's
 * channels, the first convolution sees twice as many.
 *
 * @throws ModelConfigError, WeightsMismatchError
 * @see Nichol & Dhariwal 2021, section 4.4, https://arxiv.org/abs/2102.09672
 */
export function createSuperResolutionUNet(
  config: SuperResolutionUNetConfig,
  weights: WeightSource,
): SuperResolutionUNet {
  const complete = completeConfig(config)
  const plan = planUNet({ ...complete, inChannels: 2 * complete.inChannels })
  const parameters = createParameters(plan.parameters, weights)
  const forward: SuperResolutionUNet['forward'] = (x, t, labels, lowResolution, options = {}) => {
    checkImages(complete, x, t)
    checkLabels(complete, x, labels)
    checkLowResolution(x, lowResolution)
    return tf.tidy(() => {
      const resized = tf.image.resizeBilinear(lowResolution, [complete.size, complete.size], false, true)
      return runUNet(plan, options.parameters ?? parameters, joinChannels(x, resized), t, labels, options)
    })
  }
  return {
    config: complete,
    specs: plan.parameters,
    parameters,
    forward,
    upscaling: (lowResolution) => ({ forward: (x, t, labels) => forward(x, t, labels, lowResolution) }),
    dispose: () => disposeParameters(parameters),
  }
}

function checkLowResolution(x: tf.Tensor4D, lowResolution: tf.Tensor4D): void {
  if (lowResolution.shape[0] === x.shape[0] && lowResolution.shape[3] === x.shape[3]) return
  throw new ModelInputError({
    input: 'lowResolution',
    actual: `of shape [${lowResolution.shape.join(', ')}]`,
    expected: `[${x.shape[0]}, h, w, ${x.shape[3]}]`,
    advice: 'Give one low-resolution image for every image of the batch.',
  })
}
