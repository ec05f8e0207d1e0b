import { golden } from '@guided-diffusion/tooling/golden'
import { describe, expect, test } from 'vitest'
import { lossSecondMoment, uniformTimesteps } from './timestep-sampler.ts'

const vector = golden('loss-second-moment')
const facts = vector.case as unknown as {
  num_timesteps: number
  history_per_term: number
  uniform_prob: number
  history: [number[], number[]][]
}

/** A sampler that has seen the losses of the golden vector. */
function taught() {
  const sampler = lossSecondMoment(facts.num_timesteps, {
    history: facts.history_per_term,
    uniformShare: facts.uniform_prob,
  })
  for (const [timesteps, losses] of facts.history)
    sampler.observe?.(Int32Array.from(timesteps), Float32Array.from(losses))
  return sampler
}

describe('uniform timesteps', () => {
  test('come equally often, with weight 1, the same for the same step', () => {
    const sampler = uniformTimesteps(8)
    const { timesteps, weights } = sampler.draw({ seed: 1, step: 2 }, 16_000)
    const counts = new Array<number>(8).fill(0)
    for (const t of timesteps) counts[t] = (counts[t] as number) + 1
    const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)
    expect(chiSquare).toBeLessThan(24.3) // 7 degrees of freedom, 1 in 1000
    expect(new Set(weights)).toEqual(new Set([1]))
    expect(sampler.draw({ seed: 1, step: 2 }, 16_000).timesteps).toEqual(timesteps)
    expect(sampler.draw({ seed: 1, step: 3 }, 16_000).timesteps).not.toEqual(timesteps)
    expect(sampler.save()).toHaveLength(0)
  })
})

describe('timesteps by the second moment of their loss', () => {
  test('have the probabilities of the reference', () => {
    const expected = vector.tensors.get('weights')?.data as Float64Array
    const actual = taught().probabilities()
    expect(actual).toHaveLength(expected.length)
    // losses pass through float32, as a backend gives them
    for (const [t, value] of expected.entries()) expect(actual[t]).toBeCloseTo(Number(value), 6)
    expect(actual.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12)
  })

  test('are uniform until every timestep has a full history', () => {
    const sampler = lossSecondMoment(2, { history: 2 })
    for (const timesteps of [
      [0, 1],
      [0, 0],
      [0, 0],
    ]) {
      sampler.observe?.(Int32Array.from(timesteps), Float32Array.from([9, 1]))
      expect([...sampler.probabilities()]).toEqual([0.5, 0.5])
    }
    sampler.observe?.(Int32Array.from([1]), Float32Array.from([1]))
    expect(sampler.probabilities()[0]).toBeGreaterThan(0.7)
  })

  test('are drawn that often, and weighted so that the mean is that of the uniform ones', () => {
    const sampler = taught()
    const p = sampler.probabilities()
    const count = 40_000
    const { timesteps, weights } = sampler.draw({ seed: 3, step: 0 }, count)
    const counts = new Array<number>(p.length).fill(0)
    timesteps.forEach((t, i) => {
      counts[t] = (counts[t] as number) + 1
      expect(Math.fround(1 / (p.length * (p[t] as number)))).toBe(weights[i])
    })
    const chiSquare = counts.reduce(
      (sum, n, t) => sum + (n - count * (p[t] as number)) ** 2 / (count * (p[t] as number)),
      0,
    )
    expect(chiSquare).toBeLessThan(20.5) // 5 degrees of freedom, 1 in 1000
    // Σ_t f(t)/6 for f(t) = t is 2.5
    const mean = timesteps.reduce((sum, t, i) => sum + t * (weights[i] as number), 0) / count
    expect(mean).toBeCloseTo(2.5, 1)
  })

  test('go on from what was saved', () => {
    const [one, other] = [taught(), lossSecondMoment(6, { history: 3, uniformShare: 0.01 })]
    const saved = one.save()
    other.restore(saved)
    expect(other.probabilities()).toEqual(one.probabilities())
    for (const sampler of [one, other]) sampler.observe?.(Int32Array.from([2, 2]), Float32Array.from([5, 6]))
    expect(other.probabilities()).toEqual(one.probabilities())
    expect(one.save()).not.toEqual(saved)
  })

  test('refuse what another sampler saved', () => {
    expect(() => taught().restore(new Float64Array())).toThrowErrorMatchingInlineSnapshot(
      `[TrainingOptionError: timesteps is "loss-second-moment", expected a history of 6 × 3 losses, found 0 numbers.]`,
    )
  })
})
