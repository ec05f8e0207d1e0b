import { uniform } from '@guided-diffusion/random'

/** The denoiser of `pretrained-fashion-mnist`, and the classifier that steers it. */
export const classes = 10
export const denoiserTrunk = {
  size: 28,
  inChannels: 1,
  channels: 32,
  multipliers: [1, 2, 3],
  blocks: 2,
  attention: [14, 7],
  headChannels: 32,
}
export const denoiserConfig = { ...denoiserTrunk, outChannels: 2, classes, nullClass: true }
export const classifierTrunk = { ...denoiserTrunk, multipliers: [1, 2, 2] }

/** The same configuration in the names of `pytorch/adm.py`. */
export const inPyTorch = ({ size, channels, multipliers, blocks, attention, headChannels }) => ({
  size,
  width: channels,
  multipliers,
  blocks,
  attention,
  head_width: headChannels,
})

/** A whole UNet in those names. */
export const unetInPyTorch = (config) => ({
  ...inPyTorch(config),
  channels: config.inChannels,
  out_channels: config.outChannels,
  labels: config.classes + (config.nullClass ? 1 : 0),
})

/** Pixels in [−1, 1]: what a picture shows does not change how long a step takes. */
export function pictures(count) {
  const { size, inChannels } = denoiserTrunk
  return Float32Array.from(
    uniform({ seed: 1, stream: 0, index: 0 }, count * size * size * inChannels),
    (u) => 2 * u - 1,
  )
}
