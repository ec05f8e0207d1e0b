import { countParameters, createUNet, publishedModels } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { denoiserConfig, unetInPyTorch } from './networks.mjs'
import { passCase } from './pass-case.mjs'
import { exportedByPyTorch, stockTensorFlowJs } from './peers.mjs'
import { quickWeights } from './weights.mjs'

/** One pass of a UNet. The values of the weights do not change the work. */
function unetPass({ network: { kind, config }, labels, ...rest }) {
  const images = labels.length
  const t = 500
  const network = { kind, config }
  return {
    rate: 'samplesPerSecond',
    amount: images,
    script: 'unet_pass.py',
    engine: 'onnx',
    config: { unet: unetInPyTorch(config), network, images, t, labels },
    ...rest,
    start: (engine) => {
      const unet = createUNet(config, quickWeights(network))
      const inputs = {
        x: tf.randomNormal([images, config.size, config.size, config.inChannels], 0, 1, 'float32', 1),
        t: tf.fill([images], t),
        labels: tf.tensor1d(labels, 'int32'),
      }
      const facts = { parameters: countParameters(unet.parameters) }
      const fn = ({ x, t, labels }) => ({ output: unet.forward(x, t, labels) })
      return passCase(engine, fn, inputs, unet, facts)
    },
  }
}

/** The published 64×64 denoiser. */
const admPass = (images) => ({
  what: `one pass of the ADM 64×64 UNet, batch ${images}`,
  network: publishedModels['64x64_diffusion'],
  labels: Array.from({ length: images }, () => 207),
  units: 3,
  rounds: 5,
})

export const admForward = unetPass({
  ...admPass(1),
  name: 'adm64-forward',
  peers: [exportedByPyTorch, stockTensorFlowJs('tensorflow'), stockTensorFlowJs('wasm', { once: true })],
})

/** As much as a graphics card computes at once. */
export const admForward16 = unetPass({ ...admPass(16), name: 'adm64-forward-16' })

/** The denoiser of `pretrained-fashion-mnist`. */
export const fashionMnistForward = unetPass({
  name: 'fashion-mnist-forward',
  what: 'one pass of the 28×28 UNet, ten images',
  network: { kind: 'unet', config: denoiserConfig },
  labels: Array.from({ length: 10 }, (_, i) => i),
  units: 5,
  rounds: 5,
  peers: [
    exportedByPyTorch,
    stockTensorFlowJs('tensorflow'),
    stockTensorFlowJs('wasm'),
    stockTensorFlowJs('cpu', { once: true }),
  ],
})
