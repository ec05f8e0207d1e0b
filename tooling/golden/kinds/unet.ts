import {
  createSuperResolutionUNet,
  createUNet,
  type ForwardOptions,
  type ParameterSpec,
  type Parameters,
  type ReferenceOptions,
  toFile,
  unetConfigFromReference,
} from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import type { Kind, Values } from '../kind.ts'
import { images, valuesOf, vector } from '../tensors.ts'
import { type GoldenCase, goldenWeights } from '../vectors.ts'

interface Network {
  readonly specs: readonly ParameterSpec[]
  readonly parameters: Parameters
  forward(x: tf.Tensor4D, t: tf.Tensor1D, labels?: tf.Tensor1D, options?: ForwardOptions): tf.Tensor4D
  dispose(): void
}

/** The UNet, plain or for super-resolution: output, outputs of blocks, gradients. */
export const unet: Kind = {
  name: 'unet',
  matches: ({ case: facts, tensors }) => 'config' in facts && tensors.has('in:x') && tensors.has('out'),
  isInput: (key) => key.startsWith('in:') || key === 'cotangent',
  compute: (golden) => {
    const network = networkOf(golden)
    const [x, t] = [images(golden, 'in:x'), vector(golden, 'in:t')]
    const labels = golden.tensors.has('in:y') ? vector(golden, 'in:y', 'int32') : undefined
    const made: Record<string, Values> = {}
    const observe = (block: string, value: tf.Tensor4D) => {
      if (golden.tensors.has(`act:${block}`)) made[`act:${block}`] = valuesOf(value)
    }
    made.out = valuesOf(network.forward(x, t, labels, { observe }))
    if (golden.tensors.has('cotangent')) {
      const cotangent = images(golden, 'cotangent')
      const product = (output: tf.Tensor) => tf.sum(tf.mul(output, cotangent))
      const dx = tf.grad((input) => product(network.forward(input as tf.Tensor4D, t, labels)))(x)
      made['grad:x'] = valuesOf(dx)
      const specs = network.specs.filter(({ name }) => golden.tensors.has(`grad:${name}`))
      const gradients = tf.grads((...leaves) => {
        const own = Object.fromEntries(specs.map(({ name }, i) => [name, leaves[i] as tf.Tensor]))
        return product(network.forward(x, t, labels, { parameters: { ...network.parameters, ...own } }))
      })(specs.map(({ name }) => network.parameters[name] as tf.Tensor))
      for (const [i, { name, kind, shape }] of specs.entries())
        made[`grad:${name}`] = toFile(kind, shape, gradients[i]?.dataSync() as Float32Array)
    }
    network.dispose()
    return { tensors: made }
  },
}

function networkOf(golden: GoldenCase): Network {
  const facts = golden.case as { config: ReferenceOptions; salt: string; keys: Record<string, number[]> }
  const config = unetConfigFromReference(facts.config)
  const weights = goldenWeights(facts.salt, facts.keys)
  if (!golden.tensors.has('in:low_res')) return createUNet(config, weights)
  const { forward, ...network } = createSuperResolutionUNet(config, weights)
  const lowResolution = images(golden, 'in:low_res')
  return { ...network, forward: (x, t, labels, options) => forward(x, t, labels, lowResolution, options) }
}
