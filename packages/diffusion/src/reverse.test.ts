import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { createDiffusion, type Prediction } from './diffusion.ts'
import { type ReverseOptions, reverse } from './reverse.ts'

const t = 30
const process = (prediction: Prediction) =>
  createDiffusion({ schedule: cosineSchedule({ steps: 50 }), prediction, variance: 'fixed-small' })
const row = (values: readonly number[]) => tf.tensor4d([...values], [1, 1, values.length, 1])
const x = [0.5, -1.2, 2]

/** Everything that the network's output says, as numbers. */
function read(prediction: Prediction, output: readonly number[], options?: ReverseOptions) {
  return tf.tidy(() => {
    const diffusion = process(prediction)
    const { mean, xStart, epsilon } = reverse(
      diffusion,
      coefficients(diffusion, [t]),
      row(x),
      row(output),
      options,
    )
    return {
      mean: [...mean.dataSync()],
      xStart: [...xStart.dataSync()],
      epsilon: [...epsilon.dataSync()],
      alpha: diffusion.schedule.alphasCumprod[t] as number,
      c1: diffusion.posterior.posteriorMeanCoef1[t] as number,
      c2: diffusion.posterior.posteriorMeanCoef2[t] as number,
    }
  })
}

const closeTo = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5))
const at = (values: readonly number[], i: number) => values[i] as number

beforeAll(() => startBackend([cpu()]))

describe('reading a network’s output', () => {
  test('clips x̂_0, and ε̂ and the mean belong to what was clipped', () => {
    const { xStart, epsilon, mean, alpha, c1, c2 } = read('x-start', [0.3, -1.5, 4])
    expect(xStart).toEqual(closeTo([0.3, -1, 1]))
    expect(epsilon).toEqual(
      closeTo(x.map((value, i) => (value - Math.sqrt(alpha) * at(xStart, i)) / Math.sqrt(1 - alpha))),
    )
    expect(mean).toEqual(closeTo(x.map((value, i) => c1 * at(xStart, i) + c2 * value)))
  })

  test('clips nothing when told so', () => {
    expect(read('x-start', [0.3, -1.5, 4], { clip: false }).xStart).toEqual(closeTo([0.3, -1.5, 4]))
  })

  test('lets x̂_0 be changed before it is clipped', () => {
    const transformXStart = (xStart: tf.Tensor4D): tf.Tensor4D => tf.mul(xStart, 2)
    expect(read('x-start', [0.3, -1.5, 0.6], { transformXStart }).xStart).toEqual(closeTo([0.6, -1, 1]))
  })

  test('takes a predicted x_{t−1} for the mean, clipped x̂_0 or not', () => {
    const output = [0.1, 5, -5]
    const { mean, xStart, c1, c2 } = read('previous-x', output)
    expect(mean).toEqual(closeTo(output))
    expect(xStart).toEqual(
      closeTo(output.map((value, i) => Math.max(-1, Math.min(1, (value - c2 * at(x, i)) / c1)))),
    )
  })

  test('gives back ε that it was told where nothing was clipped', () => {
    expect(read('epsilon', [0.2, -0.7, 1.1], { clip: false }).epsilon).toEqual(closeTo([0.2, -0.7, 1.1]))
  })
})
