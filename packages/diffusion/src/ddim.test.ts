import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { cosineSchedule, linearSchedule, respace, zeroTerminalSnr } from '@guided-diffusion/schedules'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { coefficients } from './coefficients.ts'
import { ddim } from './ddim.ts'
import { ddimInversion } from './ddim-inversion.ts'
import { ddpm } from './ddpm.ts'
import { createDiffusion } from './diffusion.ts'
import { reverse } from './reverse.ts'
import type { Sampler } from './sampler.ts'

const schedules = {
  linear: respace(linearSchedule({ steps: 1000 }), '50'),
  cosine: cosineSchedule({ steps: 50 }),
  'zero terminal SNR': zeroTerminalSnr(cosineSchedule({ steps: 50 })),
}
const process = (schedule = schedules.linear) =>
  createDiffusion({ schedule, prediction: 'x-start', variance: 'fixed-small' })

const images = (values: readonly number[]) => tf.tensor4d([...values], [1, 1, values.length, 1])
const x = [0.7, -1.4, 0.1]
const xStart = [0.3, -0.9, 0.5]
const z = [0.8, -0.3, 1.7]
const g = [2, -1, 0.5]

interface Step {
  readonly diffusion?: ReturnType<typeof process>
  readonly noise?: readonly number[]
  readonly gradient?: readonly number[]
}

/** The x and x̂_0 after one step from `x`, where the network says `xStart`. */
function step(sampler: Sampler, t: number, { diffusion = process(), noise = z, gradient }: Step = {}) {
  return tf.tidy(() => {
    const at = coefficients(diffusion, [t])
    const made = sampler.step({
      x: images(x),
      reverse: reverse(diffusion, at, images(x), images(xStart)),
      at,
      noise: images(noise),
      ...(gradient ? { gradient: images(gradient) } : {}),
    })
    return { x: [...made.x.dataSync()], xStart: [...made.xStart.dataSync()] }
  })
}

const closeTo = (values: readonly number[], digits = 5) =>
  values.map((value) => expect.closeTo(value, digits))
const at = (values: ArrayLike<number>, i: number) => values[i] as number

beforeAll(() => startBackend([cpu()]))

describe.each(Object.entries(schedules))('on the schedule %s', (_, schedule) => {
  const diffusion = process(schedule)
  const anyStep = fc.integer({ min: 0, max: schedule.steps - 1 })

  test('DDIM with η = 1 is DDPM, noise and all', () => {
    fc.assert(
      fc.property(anyStep, (t) => {
        expect(step(ddim({ eta: 1 }), t, { diffusion }).x).toEqual(closeTo(step(ddpm(), t, { diffusion }).x))
      }),
    )
  })

  test('the noise of DDIM has η times the deviation of DDPM’s, and none in the last step', () => {
    fc.assert(
      fc.property(anyStep, fc.double({ min: 0.05, max: 1, noNaN: true }), (t, eta) => {
        const silent = step(ddim({ eta }), t, { diffusion, noise: [0, 0, 0] }).x
        const noisy = step(ddim({ eta }), t, { diffusion }).x
        const deviation = eta * Math.sqrt(at(diffusion.posterior.posteriorVariance, t))
        expect(noisy.map((value, i) => value - at(silent, i))).toEqual(
          closeTo(z.map((value) => deviation * value)),
        )
      }),
    )
  })

  test('the mean of DDIM is on the way of x̂_0: √ᾱ_{t−1} x̂_0 + √(1−ᾱ_{t−1}−σ²) ε̂', () => {
    fc.assert(
      fc.property(anyStep, fc.double({ min: 0, max: 1, noNaN: true }), (t, eta) => {
        const alpha = at(schedule.alphasCumprod, t)
        const previous = at(schedule.alphasCumprodPrevious, t)
        const variance = eta ** 2 * at(diffusion.posterior.posteriorVariance, t)
        const wanted = x.map((value, i) => {
          const epsilon = (value - Math.sqrt(alpha) * at(xStart, i)) / Math.sqrt(1 - alpha)
          const rest = Math.sqrt(Math.max(0, 1 - previous - variance))
          return Math.sqrt(previous) * at(xStart, i) + rest * epsilon
        })
        expect(step(ddim({ eta }), t, { diffusion, noise: [0, 0, 0] }).x).toEqual(closeTo(wanted, 4))
      }),
    )
  })

  test('the last step of DDIM and DDPM is x̂_0 itself', () => {
    for (const sampler of [ddim(), ddim({ eta: 1 }), ddpm()])
      expect(step(sampler, 0, { diffusion }).x).toEqual(closeTo(xStart))
  })

  test('the inversion takes x̂_0 and ε̂ to the next step', () => {
    fc.assert(
      fc.property(anyStep, (t) => {
        const alpha = at(schedule.alphasCumprod, t)
        const next = at(schedule.alphasCumprodNext, t)
        const wanted = x.map((value, i) => {
          const epsilon = (value - Math.sqrt(alpha) * at(xStart, i)) / Math.sqrt(1 - alpha)
          return Math.sqrt(next) * at(xStart, i) + Math.sqrt(1 - next) * epsilon
        })
        expect(step(ddimInversion(), t, { diffusion }).x).toEqual(closeTo(wanted, 4))
      }),
    )
  })
})

describe('a gradient', () => {
  const t = 20
  const { schedule, posterior } = process()
  const alpha = at(schedule.alphasCumprod, t)

  test('moves DDPM by the variance times itself, and not x̂_0', () => {
    const [alone, guided] = [step(ddpm(), t), step(ddpm(), t, { gradient: g })]
    expect(guided.x.map((value, i) => value - at(alone.x, i))).toEqual(
      closeTo(g.map((value) => at(posterior.posteriorVariance, t) * value)),
    )
    expect(guided.xStart).toEqual(alone.xStart)
  })

  test('moves ε̂ of DDIM by −√(1−ᾱ) times itself, so x̂_0 by (1−ᾱ)/√ᾱ', () => {
    const guided = step(ddim(), t, { gradient: g })
    const moved = xStart.map((value, i) => value + ((1 - alpha) / Math.sqrt(alpha)) * at(g, i))
    expect(guided.xStart).toEqual(closeTo(moved, 4))
    const previous = at(schedule.alphasCumprodPrevious, t)
    const wanted = x.map((value, i) => {
      const epsilon = (value - Math.sqrt(alpha) * at(xStart, i)) / Math.sqrt(1 - alpha)
      const towards = epsilon - Math.sqrt(1 - alpha) * at(g, i)
      return Math.sqrt(previous) * at(moved, i) + Math.sqrt(1 - previous) * towards
    })
    expect(guided.x).toEqual(closeTo(wanted, 4))
  })

  test('of nothing changes nothing', () => {
    for (const sampler of [ddim(), ddpm(), ddimInversion()]) {
      const [alone, guided] = [step(sampler, t), step(sampler, t, { gradient: [0, 0, 0] })]
      expect(guided.x).toEqual(closeTo(alone.x, 5))
    }
  })
})

test('η outside [0, 1] is refused', () => {
  expect(() => ddim({ eta: 1.1 })).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: eta is 1.1, expected a number from 0 (deterministic) to 1 (as noisy as DDPM).]`,
  )
  expect(() => ddim({ eta: -0.5 })).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: eta is -0.5, expected a number from 0 (deterministic) to 1 (as noisy as DDPM).]`,
  )
  expect(() => ddim({ eta: Number.NaN })).toThrowErrorMatchingInlineSnapshot(
    `[DiffusionOptionError: eta is NaN, expected a number from 0 (deterministic) to 1 (as noisy as DDPM).]`,
  )
})

test('only samplers with noise say that they want it', () => {
  const wants = [ddim(), ddim({ eta: 0.1 }), ddpm(), ddimInversion()].map(({ stochastic }) => stochastic)
  expect(wants).toEqual([false, true, true, false])
})
