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
import { type GoldenCase, goldenWeights } from '../vector.ts'

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
  compute: async (golden, run) => {
    const network = networkOf(golden)
    const [x, t] = [images(golden, 'in:x'), vector(golden, 'in:t')]
    const labels = golden.tensors.has('in:y') ? vector(golden, 'in:y', 'int32') : undefined
    const inputs = { x, t, ...(labels ? { labels } : {}) }
    const specs = network.specs.filter(({ name }) => golden.tensors.has(`grad:${name}`))
    const made = await run(
      ({ x: image, t: times, labels: classes }) => {
        const given = [times, classes] as [tf.Tensor1D, tf.Tensor1D | undefined]
        const results: Record<string, tf.Tensor> = {}
        const observe = (block: string, value: tf.Tensor4D) => {
          if (golden.tensors.has(`act:${block}`)) results[`act:${block}`] = tf.keep(tf.clone(value))
        }
        results.out = network.forward(image as tf.Tensor4D, ...given, { observe })
        if (!golden.tensors.has('cotangent')) return results
        const cotangent = images(golden, 'cotangent')
        const product = (output: tf.Tensor) => tf.sum(tf.mul(output, cotangent))
        results['grad:x'] = tf.grad((input) => product(network.forward(input as tf.Tensor4D, ...given)))(
          image as tf.Tensor4D,
        )
        const gradients = tf.grads((...leaves) => {
          const own = Object.fromEntries(specs.map(({ name }, i) => [name, leaves[i] as tf.Tensor]))
          const parameters = { ...network.parameters, ...own }
          return product(network.forward(image as tf.Tensor4D, ...given, { parameters }))
        })(specs.map(({ name }) => network.parameters[name] as tf.Tensor))
        for (const [i, { name }] of specs.entries()) results[`grad:${name}`] = gradients[i] as tf.Tensor
        return results
      },
      inputs,
      network.parameters,
    )
    const tensors: Record<string, Values> = {}
    for (const [key, tensor] of Object.entries(made)) {
      const spec = specs.find(({ name }) => key === `grad:${name}`)
      tensors[key] = spec
        ? toFile(spec.kind, spec.shape, await tensor.data<'float32'>())
        : await valuesOf(tensor)
    }
    network.dispose()
    return { tensors }
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
