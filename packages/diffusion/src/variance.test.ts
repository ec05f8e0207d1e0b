import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { createDiffusion, type Variance } from './diffusion.ts'
import type { DenoiserOutputError } from './errors.ts'
import { reverseLogVariance, reverseVariance, splitOutput } from './variance.ts'

const steps = 20
const process = (variance: Variance) =>
  createDiffusion({ schedule: cosineSchedule({ steps }), prediction: 'epsilon', variance })
const { betas } = process('learned').schedule
const { posteriorVariance } = process('learned').posterior
const all = Array.from({ length: steps }, (_, t) => t)

/** [ln Σ, Σ] at each step, for an output that is the same number everywhere. */
function table(variance: Variance, output = 0): { log: number[]; value: number[] } {
  return tf.tidy(() => {
    const at = coefficients(process(variance), all)
    const log = reverseLogVariance(variance, at, tf.fill([steps, 1, 1, 1], output))
    const value = reverseVariance(variance, at, log)
    return { log: [...log.dataSync()], value: [...value.dataSync()] }
  })
}

/** β̃, in which β̃_1 stands for β̃_0 = 0. */
const small = all.map((t) => posteriorVariance[Math.max(1, t)] as number)
const closeTo = (wanted: readonly number[], digits = 5) => wanted.map((each) => expect.closeTo(each, digits))

beforeAll(() => startBackend([cpu()]))

describe('the variance of the reverse step', () => {
  test('fixed-small is β̃: 0 at step 0, where its logarithm is that of step 1', () => {
    const { log, value } = table('fixed-small')
    expect(value).toEqual(closeTo([...posteriorVariance], 7))
    expect(value[0]).toBe(0)
    expect(log).toEqual(closeTo(small.map(Math.log)))
  })

  test('fixed-large is β, at step 0 β̃_1', () => {
    const { log, value } = table('fixed-large')
    const wanted = all.map((t) => (t === 0 ? (posteriorVariance[1] as number) : (betas[t] as number)))
    expect(value).toEqual(closeTo(wanted, 6))
    expect(log).toEqual(closeTo(wanted.map(Math.log)))
  })

  test('learned is e to the output', () => {
    const { log, value } = table('learned', -2.5)
    expect(log).toEqual(closeTo(all.map(() => -2.5)))
    expect(value).toEqual(closeTo(all.map(() => Math.exp(-2.5))))
  })

  test.each([
    [-1, 0],
    [0, 0.5],
    [1, 1],
    [0.2, 0.6],
  ])('learned-range at output %s is ln β and ln β̃ in shares of %s and the rest', (output, share) => {
    const { log, value } = table('learned-range', output)
    const wanted = all.map(
      (t) => share * Math.log(betas[t] as number) + (1 - share) * Math.log(small[t] as number),
    )
    expect(log).toEqual(closeTo(wanted))
    expect(value).toEqual(closeTo(wanted.map(Math.exp), 6))
  })
})

describe('splitting the output', () => {
  const x = () => tf.zeros([2, 3, 4, 3]) as tf.Tensor4D

  test('gives the first half of the channels to the prediction, the second to the variance', () => {
    tf.tidy(() => {
      const output = tf.concat([tf.fill([2, 3, 4, 3], 5), tf.fill([2, 3, 4, 3], 7)], 3) as tf.Tensor4D
      const { predicted, variance } = splitOutput(process('learned-range'), x(), output)
      expect([...new Set(predicted.dataSync())]).toEqual([5])
      expect([...new Set(variance?.dataSync())]).toEqual([7])
    })
  })

  test('leaves an output without variance whole', () => {
    tf.tidy(() => {
      const output = x()
      expect(splitOutput(process('fixed-small'), x(), output)).toEqual({ predicted: output })
    })
  })

  const refused = (variance: Variance, shape: [number, number, number, number]) =>
    tf.tidy(() => {
      try {
        splitOutput(process(variance), x(), tf.zeros(shape))
      } catch (error) {
        const { name, message, advice } = error as DenoiserOutputError
        return `${name}: ${message} ${advice}`
      }
      return 'nothing'
    })

  test('refuses what the variance does not fit', () => {
    expect(refused('learned-range', [2, 3, 4, 3])).toMatchInlineSnapshot(
      `"DenoiserOutputError: The denoiser answered [2, 3, 4, 3], expected [2, 3, 4, 6]. With variance 'learned-range' the output is as large as x and has twice its channels: choose the variance that the network was trained for."`,
    )
    expect(refused('fixed-small', [2, 3, 4, 6])).toMatchInlineSnapshot(
      `"DenoiserOutputError: The denoiser answered [2, 3, 4, 6], expected [2, 3, 4, 3]. With variance 'fixed-small' the output is as large as x and has its channels: choose the variance that the network was trained for."`,
    )
    expect(refused('fixed-large', [1, 3, 4, 3])).toMatchInlineSnapshot(
      `"DenoiserOutputError: The denoiser answered [1, 3, 4, 3], expected [2, 3, 4, 3]. With variance 'fixed-large' the output is as large as x and has its channels: choose the variance that the network was trained for."`,
    )
  })
})
