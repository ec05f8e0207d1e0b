import { createClassifier } from '@guided-diffusion/classifier'
import { encoderConfigFromReference, type ReferenceOptions } from '@guided-diffusion/models'
import type * as tf from '@tensorflow/tfjs-core'
import type { Kind } from '../kind.ts'
import { allValuesOf, images, vector } from '../tensors.ts'
import { goldenWeights } from '../vector.ts'

/** The encoder UNet as a classifier: logits, log p(y given x), its gradient. */
export const classifier: Kind = {
  name: 'classifier',
  matches: ({ case: facts, tensors }) => 'config' in facts && tensors.has('logits'),
  isInput: (key) => key.startsWith('in:'),
  compute: async (golden, run) => {
    const facts = golden.case as { config: ReferenceOptions; salt: string; keys: Record<string, number[]> }
    const made = classifierFromReference(facts.config, goldenWeights(facts.salt, facts.keys))
    const inputs = {
      x: images(golden, 'in:x'),
      t: vector(golden, 'in:t'),
      labels: vector(golden, 'in:y', 'int32'),
    }
    const results = await run(
      (given) => {
        const [x, t, labels] = [given.x as tf.Tensor4D, given.t as tf.Tensor1D, given.labels as tf.Tensor1D]
        return {
          logits: made.logits(x, t),
          log_prob: made.logProbability(x, t, labels),
          grad_log_prob: made.gradient(x, t, labels),
        }
      },
      inputs,
      made.parameters,
    )
    const tensors = await allValuesOf(results)
    made.dispose()
    return { tensors }
  },
}

/** A classifier of the configuration that the reference's options describe. */
export function classifierFromReference(
  options: ReferenceOptions,
  weights: Parameters<typeof createClassifier>[1],
) {
  const { outChannels, ...trunk } = encoderConfigFromReference(options)
  return createClassifier({ ...trunk, classes: outChannels }, weights)
}
