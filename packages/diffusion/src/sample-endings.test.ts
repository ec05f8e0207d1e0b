import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  createDiffusion,
  type Denoiser,
  ddim,
  ddpm,
  type Guidance,
  generate,
  type Sampler,
  sample,
} from './index.ts'
import type { SamplingOptions } from './sampling-options.ts'

const diffusion = createDiffusion({
  schedule: respace(linearSchedule({ steps: 1000 }), 'ddim5'),
  prediction: 'epsilon',
  variance: 'learned',
})
const denoiser: Denoiser = {
  forward: (x) => tf.tidy(() => tf.concat([tf.tanh(x), tf.neg(tf.abs(x))], 3) as tf.Tensor4D),
}
const guidance: Guidance = ({ x }) => tf.mul(tf.sin(x), -0.5)
const options: SamplingOptions = {
  diffusion,
  denoiser,
  guidance,
  sampler: ddpm(),
  shape: [2, 3, 1],
  labels: [1, 2],
  seed: 3,
}

/** Calls `action` when the function it stands in for is called the n-th time. */
function atCall<A extends unknown[], R>(n: number, original: (...args: A) => R, action: () => R) {
  let calls = 0
  return (...args: A): R => (++calls === n ? action() : original(...args))
}

const boom = (): never => {
  throw new Error('boom')
}

async function expectNoLeak(run: () => Promise<unknown>): Promise<void> {
  const before = tf.memory().numTensors
  await run()
  expect(tf.memory().numTensors).toBe(before)
}

async function toTheEnd(more: Partial<SamplingOptions> = {}): Promise<number> {
  let steps = 0
  for await (const _ of sample({ ...options, ...more })) steps++
  return steps
}

beforeAll(() => startBackend([cpu()]))

describe('no tensor is left behind', () => {
  test.each([
    ['ddpm, guided', {}],
    ['ddim', { sampler: ddim() }],
    ['η = 0.5', { sampler: ddim({ eta: 0.5 }) }],
  ])('at the end, by %s', async (_, more) => {
    await expectNoLeak(async () => expect(await toTheEnd(more)).toBe(5))
  })

  test('but the images that generate returns', async () => {
    const before = tf.memory().numTensors
    const images = await generate(options)
    expect(tf.memory().numTensors).toBe(before + 1)
    images.dispose()
  })

  test.each([0, 2, 4])('when the loop is left by break at step %i', async (last) => {
    await expectNoLeak(async () => {
      for await (const { index } of sample(options)) if (index === last) break
    })
  })

  test.each([0, 1, 3, 5])(
    'when it is aborted after %i steps, and the signal’s reason is thrown',
    async (done) => {
      await expectNoLeak(async () => {
        const controller = new AbortController()
        const reason = new Error('enough')
        let steps = 0
        const run = async () => {
          if (done === 0) controller.abort(reason)
          for await (const _ of sample({ ...options, signal: controller.signal }))
            if (++steps === done) controller.abort(reason)
        }
        // an abort in the last step has nothing left to stop
        if (done === 5) await run()
        else await expect(run()).rejects.toBe(reason)
        expect(steps).toBe(done)
      })
    },
  )

  const thrown: [string, () => Partial<SamplingOptions>][] = [
    ['the denoiser', () => ({ denoiser: { forward: atCall(3, denoiser.forward, boom) } })],
    [
      'the denoiser’s promise',
      () => ({ denoiser: { forward: atCall(3, denoiser.forward, async () => boom()) } }),
    ],
    ['the guidance', () => ({ guidance: atCall(2, guidance, boom) })],
    [
      'the guidance, after making tensors',
      () => ({
        guidance: atCall(2, guidance, () => {
          tf.ones([5])
          return boom()
        }),
      }),
    ],
    ['the sampler', () => ({ sampler: { ...ddpm(), step: atCall(4, ddpm().step, boom) } })],
    ['the noise', () => ({ noise: (t: number) => (t === 2 ? boom() : tf.ones([2, 2, 3, 1])) })],
    ['a change of x̂_0', () => ({ transformXStart: atCall(2, (x: tf.Tensor4D) => x, boom) })],
  ]
  test.each(thrown)('when %s throws', async (_, more) => {
    await expectNoLeak(() => expect(toTheEnd(more())).rejects.toThrow('boom'))
    await expectNoLeak(() => expect(generate({ ...options, ...more() })).rejects.toThrow('boom'))
  })

  test('when the body of the loop throws', async () => {
    await expectNoLeak(async () => {
      const run = async () => {
        for await (const { index } of sample(options)) if (index === 1) boom()
      }
      await expect(run()).rejects.toThrow('boom')
    })
  })

  test('when an output has the wrong shape', async () => {
    await expectNoLeak(async () => {
      const wrong: Denoiser = { forward: (x) => tf.clone(x) }
      await expect(toTheEnd({ denoiser: wrong })).rejects.toMatchObject({
        name: 'DenoiserOutputError',
        actual: [2, 2, 3, 1],
        expected: [2, 2, 3, 2],
      })
    })
  })

  test('when options are refused before the first step', async () => {
    await expectNoLeak(() =>
      expect(toTheEnd({ samples: [1, 2, 3] })).rejects.toMatchObject({ name: 'DiffusionOptionError' }),
    )
  })
})

describe('numbers that are none', () => {
  const infected = (value: number): Denoiser => ({
    forward: atCall(3, denoiser.forward, () => tf.fill<tf.Rank.R4>([2, 2, 3, 2], value)),
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'stop the run where the denoiser says %d',
    async (value) => {
      await expectNoLeak(async () => {
        const run = toTheEnd({ denoiser: infected(value) })
        await expect(run).rejects.toMatchObject({ name: 'DivergenceError', step: 2, timestep: 400 })
        await expect(toTheEnd({ denoiser: infected(value) })).rejects.toThrowErrorMatchingInlineSnapshot(
          `[DivergenceError: Sampling diverged at step 2 (timestep 400): the denoiser's output is not finite.]`,
        )
      })
    },
  )

  test('stop the run where a guidance overflows', async () => {
    await expectNoLeak(async () => {
      const endless = atCall(2, guidance, () => tf.fill([2, 2, 3, 1], Number.POSITIVE_INFINITY))
      const run = toTheEnd({ guidance: endless, sampler: ddim() })
      await expect(run).rejects.toThrowErrorMatchingInlineSnapshot(
        `[DivergenceError: Sampling diverged at step 1 (timestep 600): x is not finite.]`,
      )
    })
  })

  test('stop the run where a sampler makes them', async () => {
    const ddimStep = ddim()
    const broken: Sampler = {
      ...ddimStep,
      step: (input) => ({ ...ddimStep.step(input), x: tf.log(tf.neg(tf.onesLike(input.x))) }),
    }
    await expectNoLeak(() =>
      expect(toTheEnd({ sampler: broken, guidance: ({ x }) => tf.zerosLike(x) })).rejects.toMatchObject({
        name: 'DivergenceError',
        step: 0,
        timestep: 800,
        what: 'x',
      }),
    )
  })
})
