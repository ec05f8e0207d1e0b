import { timestepEmbedding } from '@guided-diffusion/models'
import type { Kind } from '../kind.ts'
import { allValuesOf, vector } from '../tensors.ts'

const embedding = /^emb(_frac)?(\d+)$/

/**
 * Sinusoidal embeddings. Their cases state no tolerance: exponentials of two libraries may differ by a unit in the
 * last place, which a timestep near 1000 turns into 6e-5.
 */
export const timestepEmbeddings: Kind = {
  name: 'timestep-embedding',
  matches: ({ tensors }) => tensors.has('t') && [...tensors.keys()].some((key) => embedding.test(key)),
  isInput: (key) => key === 't' || key === 't_frac',
  tolerance: 1e-4,
  compute: async (golden) => {
    const keys = [...golden.tensors.keys()].filter((key) => embedding.test(key))
    const made = keys.map((key) => {
      const [, fraction, width] = embedding.exec(key) ?? []
      return [key, timestepEmbedding(vector(golden, fraction ? 't_frac' : 't'), Number(width))] as const
    })
    return { tensors: await allValuesOf(Object.fromEntries(made)) }
  },
}
