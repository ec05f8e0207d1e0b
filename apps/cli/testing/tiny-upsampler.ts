import '@tensorflow/tfjs-backend-cpu'
import {
  createSuperResolutionUNet,
  readParameters,
  saveNetwork,
  type UNetConfig,
} from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'

/** Writes an upsampler of fresh weights from 4 × 4 to 8 × 8 pixels, of one channel and three classes. */
export async function writeUpsampler(path: string, own: Partial<UNetConfig> = {}): Promise<void> {
  await tf.setBackend('cpu')
  const config: UNetConfig = {
    size: 8,
    inChannels: 1,
    outChannels: 2,
    channels: 32,
    multipliers: [1],
    blocks: 1,
    attention: [],
    classes: 3,
    ...own,
  }
  const network = createSuperResolutionUNet(config, { seed: 3 })
  const tensors = await readParameters(network.specs, network.parameters)
  network.dispose()
  // a fresh network has zeros in its last layer, and would tell nothing apart
  for (const [name, { data }] of tensors)
    if (data.every((value) => value === 0))
      for (let i = 0; i < data.length; i++) data[i] = Math.sin(i + name.length) / 8
  const diffusion = { schedule: 'linear', steps: 1000, prediction: 'epsilon', variance: 'learned-range' }
  await saveNetwork(
    path,
    { description: { kind: 'super-resolution', config }, tensors },
    { metadata: { diffusion: JSON.stringify(diffusion), classes: '["Across","Down","Aslant"]' } },
  )
}
