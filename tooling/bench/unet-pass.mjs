import { countParameters, createUNet, publishedModels } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { compiledCase } from './compiled-case.mjs'
import { denoiserConfig, unetInPyTorch } from './networks.mjs'
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
    start: () => {
      const unet = createUNet(config, quickWeights(network))
      const inputs = {
        x: tf.randomNormal([images, config.size, config.size, config.inChannels], 0, 1, 'float32', 1),
        t: tf.fill([images], t),
        labels: tf.tensor1d(labels, 'int32'),
      }
      const facts = { parameters: countParameters(unet.parameters) }
      return compiledCase(({ x, t, labels }) => ({ output: unet.forward(x, t, labels) }), inputs, unet, facts)
    },
  }
}

/** The published 64×64 denoiser. */
export const admForward = unetPass({
  name: 'adm64-forward',
  what: 'one pass of the ADM 64×64 UNet, batch 1',
  network: publishedModels['64x64_diffusion'],
  labels: [207],
  units: 3,
  rounds: 5,
  peers: [exportedByPyTorch, stockTensorFlowJs('tensorflow'), stockTensorFlowJs('wasm', { once: true })],
})

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
