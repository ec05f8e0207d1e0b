import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule, linearSchedule, zeroTerminalSnr } from '@guided-diffusion/schedules'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { createDiffusion, type Prediction, type Variance } from './diffusion.ts'
import { qSample } from './forward.ts'
import { type LossKind, minSnrWeights, trainingLoss } from './loss.ts'
import { initialNoise } from './noise.ts'
import { posteriorMean } from './posterior.ts'
import { predictionTarget } from './prediction.ts'

const steps = 40
const process = (
  variance: Variance,
  prediction: Prediction = 'epsilon',
  schedule = cosineSchedule({ steps }),
) => createDiffusion({ schedule, prediction, variance })

const t = [0, 1, 17, 39]
/** Images of two channels, their noise, and an output of the network that is random too. */
function batch(variance: Variance, prediction: Prediction = 'epsilon') {
  const diffusion = process(variance, prediction)
  const xStart: tf.Tensor4D = tf.clipByValue(initialNoise(1, [0, 1, 2, 3], [2, 3, 2]), -1, 1)
  const noise = initialNoise(2, [0, 1, 2, 3], [2, 3, 2])
  const learned = variance.startsWith('learned')
  const output: tf.Tensor4D = tf.mul(initialNoise(3, [0, 1, 2, 3], [2, 3, learned ? 4 : 2]), 0.5)
  const x = qSample(diffusion, { xStart, t, noise })
  return { diffusion, input: { xStart, x, noise, t }, output }
}

const values = (tensor: tf.Tensor) => [...tensor.dataSync()]
const closeTo = (wanted: readonly number[], digits = 5) => wanted.map((each) => expect.closeTo(each, digits))

beforeAll(() => startBackend([cpu()]))

describe('the loss', () => {
  const gradientOf = (variance: Variance, kind: LossKind) =>
    tf.tidy(() => {
      const { diffusion, input, output } = batch(variance)
      const loss = (out: tf.Tensor) =>
        tf.sum(trainingLoss(diffusion, { ...input, output: out as tf.Tensor4D }, { kind }).loss)
      const [mean, variances] = tf.split(tf.grad(loss)(output), 2, 3)
      return { mean: values(mean as tf.Tensor), variance: values(variances as tf.Tensor) }
    })

  test('hybrid teaches the mean by simple alone, the variance by T/1000 of the bound alone', () => {
    const hybrid = gradientOf('learned-range', 'hybrid')
    const simple = gradientOf('learned-range', 'simple')
    const bound = gradientOf('learned-range', 'kl')
    expect(hybrid.mean).toEqual(closeTo(simple.mean, 7))
    expect(hybrid.variance).toEqual(closeTo(bound.variance.map((each) => (each * steps) / 1000)))
    // neither is nothing, and the bound would pull on the mean if it were let
    expect(Math.max(...hybrid.variance.map(Math.abs))).toBeGreaterThan(1e-3)
    expect(Math.max(...bound.mean.map(Math.abs))).toBeGreaterThan(1e-3)
    expect(simple.variance.every((each) => each === 0)).toBe(true)
  })

  test('mse is hybrid with the whole bound', () => {
    const mse = gradientOf('learned', 'mse')
    expect(mse.mean).toEqual(closeTo(gradientOf('learned', 'simple').mean, 7))
    expect(mse.variance).toEqual(closeTo(gradientOf('learned', 'kl').variance))
  })

  test('adds up from the parts that it tells', () => {
    tf.tidy(() => {
      const { diffusion, input, output } = batch('learned-range')
      const { loss, mse, vb } = trainingLoss(diffusion, { ...input, output })
      const [a, b] = [values(mse as tf.Tensor), values(vb as tf.Tensor)]
      expect(values(loss)).toEqual(closeTo(a.map((each, i) => each + ((b[i] as number) * steps) / 1000)))
      const rescaled = trainingLoss(diffusion, { ...input, output }, { kind: 'rescaled-kl' }).loss
      const kl = trainingLoss(diffusion, { ...input, output }, { kind: 'kl' }).loss
      for (const [i, each] of values(kl).entries())
        expect((values(rescaled)[i] as number) / each).toBeCloseTo(steps, 4)
    })
  })

  test.each(['epsilon', 'x-start', 'v', 'previous-x'] as const)(
    'simple is 0 where the network is right about %s',
    (prediction) => {
      tf.tidy(() => {
        const { diffusion, input } = batch('fixed-small', prediction)
        const output = predictionTarget(prediction, coefficients(diffusion, t), input)
        expect(values(trainingLoss(diffusion, { ...input, output }, { kind: 'simple' }).loss)).toEqual([
          0, 0, 0, 0,
        ])
        const off: tf.Tensor4D = tf.add(output, 0.5)
        const { loss } = trainingLoss(diffusion, { ...input, output: off }, { kind: 'simple' })
        expect(values(loss)).toEqual(closeTo([0.25, 0.25, 0.25, 0.25]))
      })
    },
  )

  test('kl is 0 where mean and variance are the posterior’s, but in the last step, which decodes', () => {
    tf.tidy(() => {
      const { diffusion, input } = batch('learned', 'previous-x')
      const at = coefficients(diffusion, t)
      const mean = posteriorMean(at, input.xStart, input.x)
      const output = (shift: number) =>
        tf.concat(
          [tf.add(mean, shift), tf.add(tf.zerosLike(mean), at.posteriorLogVariance)],
          3,
        ) as tf.Tensor4D
      const kl = (shift: number) =>
        values(trainingLoss(diffusion, { ...input, output: output(shift) }, { kind: 'kl' }).loss)
      expect(kl(0).slice(1)).toEqual(closeTo([0, 0, 0]))
      expect(kl(0)[0]).toBeGreaterThan(0)
      // a mean that is off by δ costs δ²/(2 β̃ ln 2) bits
      const beta = (step: number) => diffusion.posterior.posteriorVariance[step] as number
      const wanted = t.slice(1).map((step) => 0.01 ** 2 / (2 * beta(step) * Math.LN2))
      expect(kl(0.01).slice(1)).toEqual(closeTo(wanted, 4))
    })
  })

  test('of a sample does not depend on the others', () => {
    tf.tidy(() => {
      const { diffusion, input, output } = batch('learned-range')
      const all = values(trainingLoss(diffusion, { ...input, output }).loss)
      const one = (tensor: tf.Tensor4D): tf.Tensor4D => tf.slice(tensor, [2, 0, 0, 0], [1, -1, -1, -1])
      const alone = trainingLoss(diffusion, {
        xStart: one(input.xStart),
        x: one(input.x),
        noise: one(input.noise),
        t: [17],
        output: one(output),
      })
      expect(values(alone.loss)).toEqual(closeTo([all[2] as number], 6))
    })
  })

  test('knows no bound of a fixed variance unless that is asked for', () => {
    tf.tidy(() => {
      const { diffusion, input, output } = batch('fixed-large')
      for (const kind of ['simple', 'mse', 'hybrid'] as const)
        expect(Object.keys(trainingLoss(diffusion, { ...input, output }, { kind }))).toEqual(['loss', 'mse'])
    })
  })
})

describe('min-SNR weights', () => {
  const schedule = linearSchedule({ steps: 100 })
  const weights = (prediction: Prediction, gamma: number, steps: readonly number[]) =>
    tf.tidy(() => values(minSnrWeights(process('fixed-small', prediction, schedule), steps, gamma)))
  const anyStep = fc.integer({ min: 0, max: 99 })
  const anyGamma = fc.double({ min: 0.1, max: 50, noNaN: true })

  test('are min(SNR, γ) on the error of x̂_0, in the terms of each prediction', () => {
    fc.assert(
      fc.property(anyStep, anyGamma, (step, gamma) => {
        const alpha = schedule.alphasCumprod[step] as number
        const snr = alpha / (1 - alpha)
        const wanted = Math.min(snr, gamma)
        const relative = (found: number[], each: number) =>
          expect((found[0] as number) / each).toBeCloseTo(1, 5)
        relative(weights('x-start', gamma, [step]), wanted)
        relative(weights('epsilon', gamma, [step]), wanted / snr)
        relative(weights('v', gamma, [step]), wanted / (snr + 1))
      }),
    )
  })

  test('make the loss of ε, of v and of x_0 the same for the same error of x̂_0', () => {
    const minSnr = 5
    const losses = (['epsilon', 'v', 'x-start'] as const).map((prediction) =>
      tf.tidy(() => {
        const { diffusion, input } = batch('fixed-small', prediction)
        const at = coefficients(diffusion, t)
        // what a network says that takes x_0 for brighter by 0.1: the noise that it sees is then weaker
        const xStart: tf.Tensor4D = tf.add(input.xStart, 0.1)
        const less = tf.div(tf.mul(at.sqrtAlphaCumprod, 0.1), at.sqrtOneMinusAlphaCumprod)
        const noise: tf.Tensor4D = tf.sub(input.noise, less)
        const output = predictionTarget(prediction, at, { xStart, x: input.x, noise })
        return values(
          trainingLoss(diffusion, { ...input, output }, { kind: 'simple', weighting: { minSnr } }).loss,
        )
      }),
    )
    const wanted = t.map((step) => {
      const alpha = process('fixed-small').schedule.alphasCumprod[step] as number
      return 0.01 * Math.min(alpha / (1 - alpha), minSnr)
    })
    for (const loss of losses)
      for (const [i, each] of loss.entries()) expect(each / (wanted[i] as number)).toBeCloseTo(1, 2)
  })

  test('are 1 for ε where no signal is left', () => {
    const zero = process('fixed-small', 'epsilon', zeroTerminalSnr(cosineSchedule({ steps: 10 })))
    expect(tf.tidy(() => values(minSnrWeights(zero, [9], 5)))).toEqual([1])
  })

  test('are refused for a γ that is none, and for networks that predict x_{t−1}', () => {
    expect(() => weights('epsilon', 0, [1])).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: minSnr is 0, expected a positive number.]`,
    )
    expect(() => weights('epsilon', Number.NaN, [1])).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: minSnr is NaN, expected a positive number.]`,
    )
    expect(() => weights('previous-x', 5, [1])).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: prediction is "previous-x", expected epsilon, x-start or v with minSnr.]`,
    )
  })
})
