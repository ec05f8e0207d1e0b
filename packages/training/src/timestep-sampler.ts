import { integers, streamOf, uniform } from '@guided-diffusion/random'
import { TrainingOptionError } from './errors.ts'

/** Indices into the schedule, and the factor that keeps the weighted loss an unbiased estimate of the uniform one. */
export interface DrawnTimesteps {
  readonly timesteps: Int32Array
  readonly weights: Float32Array
}

/** Which timesteps a training step sees. */
export interface TimestepSampler {
  draw(key: { seed: number; step: number }, count: number): DrawnTimesteps
  /** Learns from the losses of a step; absent where nothing is learned. */
  observe?(timesteps: Int32Array, losses: Float32Array): void
  /** Whatever a resume needs; a copy. */
  save(): Float64Array
  /** @throws TrainingOptionError when the values are not of this sampler. */
  restore(saved: Float64Array): void
}

export const timestepStream = streamOf('training timesteps')

/** Every timestep equally often. */
export function uniformTimesteps(length: number): TimestepSampler {
  return {
    draw: ({ seed, step }, count) => ({
      timesteps: integers({ seed, stream: timestepStream, index: step }, count, length),
      weights: new Float32Array(count).fill(1),
    }),
    save: () => new Float64Array(),
    restore: () => {},
  }
}

/**
 * Timesteps drawn with probability ∝ √E[L_t²] over the last losses of each, mixed with `uniformShare` of the
 * uniform distribution; uniform until each timestep has a full history.
 *
 * @see Nichol & Dhariwal 2021, section 3.3, https://arxiv.org/abs/2102.09672
 */
export function lossSecondMoment(
  length: number,
  { history = 10, uniformShare = 0.001 }: { history?: number; uniformShare?: number } = {},
): TimestepSampler & { probabilities(): Float64Array } {
  const losses = new Float64Array(length * history)
  const counts = new Int32Array(length)
  const probabilities = () => {
    const weights = new Float64Array(length).fill(1)
    if (counts.some((count) => count < history)) return weights.fill(1 / length)
    for (let t = 0; t < length; t++) {
      let sum = 0
      for (let i = 0; i < history; i++) sum += (losses[t * history + i] as number) ** 2
      weights[t] = Math.sqrt(sum / history)
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return weights.map((weight) => (weight / total) * (1 - uniformShare) + uniformShare / length)
  }
  return {
    probabilities,
    draw: ({ seed, step }, count) => {
      const p = probabilities()
      const cumulative = new Float64Array(length)
      p.reduce((sum, value, t) => {
        cumulative[t] = sum + value
        return sum + value
      }, 0)
      const positions = uniform({ seed, stream: timestepStream, index: step }, count)
      const timesteps = Int32Array.from(positions, (u) =>
        firstAbove(cumulative, u * (cumulative[length - 1] as number)),
      )
      return { timesteps, weights: Float32Array.from(timesteps, (t) => 1 / (length * (p[t] as number))) }
    },
    observe: (timesteps, values) => {
      timesteps.forEach((t, i) => {
        const count = counts[t] as number
        if (count === history) losses.copyWithin(t * history, t * history + 1, (t + 1) * history)
        else counts[t] = count + 1
        losses[t * history + Math.min(count, history - 1)] = values[i] as number
      })
    },
    save: () => Float64Array.from([...counts, ...losses]),
    restore: (saved) => {
      if (saved.length !== length * (1 + history)) {
        throw new TrainingOptionError({
          option: 'timesteps',
          value: 'loss-second-moment',
          expected: `a history of ${length} × ${history} losses, found ${saved.length} numbers`,
          advice: 'Resume with the timestep sampling that the run began with.',
        })
      }
      counts.set(saved.subarray(0, length))
      losses.set(saved.subarray(length))
    },
  }
}

/** The first index whose cumulative value exceeds `value`. */
function firstAbove(cumulative: Float64Array, value: number): number {
  let low = 0
  let high = cumulative.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cumulative[middle] as number) > value) high = middle
    else low = middle + 1
  }
  return low
}
