import * as tf from '@tensorflow/tfjs-core'
import { sample } from './sample.ts'
import type { SamplingOptions } from './sampling-options.ts'

/**
 * Runs the sampling loop to its end: `[B, H, W, C]`, images in [−1, 1] but for rounding and guidance that overshoots.
 * Yours.
 *
 * @throws what `sample` throws.
 * @example
 * const images = await generate({ diffusion, denoiser, shape: [28, 28, 1], labels: [7, 7, 8], seed: 1 })
 */
export async function generate(options: SamplingOptions): Promise<tf.Tensor4D> {
  let images: tf.Tensor4D | undefined
  for await (const step of sample(options)) {
    if (step.index < step.total - 1) continue
    // what runs steps may have left it on its device: read once, it is a tensor for any use
    await step.x.data()
    images = tf.clone(step.x)
  }
  return images as tf.Tensor4D
}
