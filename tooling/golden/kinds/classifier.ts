import { createClassifier } from '@guided-diffusion/classifier'
import { encoderConfigFromReference, type ReferenceOptions } from '@guided-diffusion/models'
import type { Kind } from '../kind.ts'
import { images, valuesOf, vector } from '../tensors.ts'
import { goldenWeights } from '../vectors.ts'

/** The encoder UNet as a classifier: logits, log p(y given x), its gradient. */
export const classifier: Kind = {
  name: 'classifier',
  matches: ({ case: facts, tensors }) => 'config' in facts && tensors.has('logits'),
  isInput: (key) => key.startsWith('in:'),
  compute: (golden) => {
    const facts = golden.case as { config: ReferenceOptions; salt: string; keys: Record<string, number[]> }
    const made = classifierFromReference(facts.config, goldenWeights(facts.salt, facts.keys))
    const [x, t, labels] = [
      images(golden, 'in:x'),
      vector(golden, 'in:t'),
      vector(golden, 'in:y', 'int32'),
    ] as const
    const tensors = {
      logits: valuesOf(made.logits(x, t)),
      log_prob: valuesOf(made.logProbability(x, t, labels)),
      grad_log_prob: valuesOf(made.gradient(x, t, labels)),
    }
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
