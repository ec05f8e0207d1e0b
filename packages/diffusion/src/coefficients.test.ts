import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Coefficients, coefficientNames, coefficientRow, coefficients } from './coefficients.ts'
import { createDiffusion } from './diffusion.ts'
import { networkTimesteps, qSample } from './forward.ts'

const full = linearSchedule({ steps: 1000 })
const diffusion = createDiffusion({
  schedule: respace(full, 'ddim25'),
  prediction: 'epsilon',
  variance: 'fixed-small',
})

beforeAll(() => startBackend([cpu()]))

describe('the coefficients of a step', () => {
  const rowAt = (t: number) =>
    Object.fromEntries(
      coefficientRow(diffusion, t).map((value, i) => [coefficientNames[i], value]),
    ) as Record<keyof Coefficients, number>

  test('are those of the kept steps of the full schedule', () => {
    for (const t of [1, 12, 23]) {
      const row = rowAt(t)
      const alpha = (step: number) => full.alphasCumprod[40 * step] as number
      expect(row.alphaCumprod).toBe(alpha(t))
      expect(row.alphaCumprodPrevious).toBe(alpha(t - 1))
      expect(row.alphaCumprodNext).toBe(alpha(t + 1))
      const beta = 1 - alpha(t) / alpha(t - 1)
      expect(row.logBeta).toBeCloseTo(Math.log(beta), 9)
      expect(row.posteriorVariance).toBeCloseTo((beta * (1 - alpha(t - 1))) / (1 - alpha(t)), 12)
      expect(row.posteriorLogVariance).toBeCloseTo(Math.log(row.posteriorVariance), 12)
      expect(row.sqrtRecipm1AlphaCumprod).toBeCloseTo(row.sqrtOneMinusAlphaCumprod / row.sqrtAlphaCumprod, 9)
      expect(row.sqrtAlphaCumprod * row.sqrtRecipAlphaCumprod).toBeCloseTo(1, 12)
      expect(row.notFirst).toBe(1)
    }
  })

  test('go from all signal before step 0 to none after the last', () => {
    expect(rowAt(0)).toMatchObject({ alphaCumprodPrevious: 1, posteriorVariance: 0, notFirst: 0 })
    expect(rowAt(0).posteriorLogVariance).toBe(rowAt(1).posteriorLogVariance)
    expect(rowAt(0).fixedLargeLogVariance).toBeCloseTo(rowAt(1).posteriorLogVariance, 12)
    expect(rowAt(24).alphaCumprodNext).toBe(0)
  })

  test('stand as one row a sample, [B, 1, 1, 1], rounded to float32 once', () => {
    tf.tidy(() => {
      const at = coefficients(diffusion, [24, 0, 7])
      for (const name of coefficientNames) {
        expect(at[name].shape).toEqual([3, 1, 1, 1])
        expect([...at[name].dataSync()]).toEqual([24, 0, 7].map((t) => Math.fround(rowAt(t)[name])))
      }
    })
  })

  test('are refused for a step that the schedule does not have', () => {
    expect(() => coefficientRow(diffusion, 25)).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: t is 25, expected a step of the schedule, 0 to 24.]`,
    )
    expect(() => coefficientRow(diffusion, -1)).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: t is -1, expected a step of the schedule, 0 to 24.]`,
    )
    expect(() => coefficientRow(diffusion, 1.5)).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: t is 1.5, expected a step of the schedule, 0 to 24.]`,
    )
    expect(() => coefficientRow(diffusion, Number.NaN)).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: t is NaN, expected a step of the schedule, 0 to 24.]`,
    )
  })
})

describe('the forward process', () => {
  test('takes each sample to its own step: √ᾱ x_0 + √(1−ᾱ) ε', () => {
    tf.tidy(() => {
      const xStart = tf.tensor4d([0.5, -0.5], [2, 1, 1, 1])
      const noise = tf.tensor4d([1, 2], [2, 1, 1, 1])
      const [first, second] = qSample(diffusion, { xStart, t: [3, 20], noise }).dataSync()
      const alpha = (t: number) => diffusion.schedule.alphasCumprod[t] as number
      expect(first).toBeCloseTo(0.5 * Math.sqrt(alpha(3)) + Math.sqrt(1 - alpha(3)), 6)
      expect(second).toBeCloseTo(-0.5 * Math.sqrt(alpha(20)) + 2 * Math.sqrt(1 - alpha(20)), 6)
    })
  })

  test('tells the network the steps of the full schedule', () => {
    tf.tidy(() => {
      expect([...networkTimesteps(diffusion, [0, 1, 24]).dataSync()]).toEqual([0, 40, 960])
    })
  })

  test('leaves one tensor behind', () => {
    const inputs = [tf.zeros([2, 1, 1, 1]), tf.zeros([2, 1, 1, 1])] as [tf.Tensor4D, tf.Tensor4D]
    const before = tf.memory().numTensors
    const x = qSample(diffusion, { xStart: inputs[0], t: [0, 1], noise: inputs[1] })
    expect(tf.memory().numTensors).toBe(before + 1)
    tf.dispose([x, ...inputs])
  })
})
