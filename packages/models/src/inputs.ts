import type * as tf from '@tensorflow/tfjs-core'
import { ModelInputError } from './errors.ts'
import type { Complete, TrunkConfig, UNetConfig } from './unet-config.ts'

const shown = (shape: readonly number[]) => `[${shape.join(', ')}]`

/** x must be `[B, size, size, channels]` and t `[B]`. */
export function checkImages(
  config: Complete<TrunkConfig>,
  x: tf.Tensor4D,
  t: tf.Tensor1D,
  channels = config.inChannels,
): void {
  const [, height, width, depth] = x.shape
  if (x.rank !== 4 || height !== config.size || width !== config.size || depth !== channels) {
    throw new ModelInputError({
      input: 'x',
      actual: `of shape ${shown(x.shape)}`,
      expected: `[B, ${config.size}, ${config.size}, ${channels}]`,
      advice: 'Give images of the size and number of channels that the network was built for.',
    })
  }
  if (t.rank !== 1 || t.shape[0] !== x.shape[0]) {
    throw new ModelInputError({
      input: 't',
      actual: `of shape ${shown(t.shape)}`,
      expected: `[${x.shape[0]}], one timestep an image`,
      advice: 'Repeat the timestep for every image of the batch.',
    })
  }
}

/** Labels must be there exactly when the network has classes without a null class. */
export function checkLabels(config: UNetConfig, x: tf.Tensor4D, labels: tf.Tensor1D | undefined): void {
  if (config.classes === undefined && labels) {
    throw new ModelInputError({
      input: 'labels',
      actual: 'given',
      expected: 'nothing, since this network knows no classes',
      advice:
        'Drop the labels; guidance can still use them (see unconditional in @guided-diffusion/guidance).',
    })
  }
  if (config.classes !== undefined && !config.nullClass && !labels) {
    throw new ModelInputError({
      input: 'labels',
      actual: 'absent',
      expected: `one of ${config.classes} classes an image`,
      advice: 'This network was trained with classes only: give labels.',
    })
  }
  if (labels && (labels.rank !== 1 || labels.shape[0] !== x.shape[0])) {
    throw new ModelInputError({
      input: 'labels',
      actual: `of shape ${shown(labels.shape)}`,
      expected: `[${x.shape[0]}], one class an image`,
      advice: 'Give one label for every image of the batch.',
    })
  }
}
