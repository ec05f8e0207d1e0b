import { lossSecondMoment } from '@guided-diffusion/training'
import type { Kind } from '../kind.ts'

/** Probabilities of the timesteps after a history of losses, which pass through float32 as from a backend. */
export const secondMoment: Kind = {
  name: 'loss-second-moment',
  matches: ({ case: facts, tensors }) => Array.isArray(facts.history) && tensors.has('weights'),
  isInput: () => false,
  tolerance: 1e-6,
  compute: ({ case: facts }) => {
    const sampler = lossSecondMoment(Number(facts.num_timesteps), {
      history: Number(facts.history_per_term),
      uniformShare: Number(facts.uniform_prob),
    })
    for (const [timesteps, losses] of facts.history as [number[], number[]][])
      sampler.observe?.(Int32Array.from(timesteps), Float32Array.from(losses))
    return { tensors: { weights: sampler.probabilities() } }
  },
}
