import '@tensorflow/tfjs-core/dist/register_all_gradients.js'
import '@tensorflow/tfjs-backend-cpu'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDiffusion } from '@guided-diffusion/diffusion'
import { createUNet, type ParameterSpec } from '@guided-diffusion/models'
import { linearSchedule } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adamw } from './adamw.ts'
import { TrainingDivergedError, TrainingOptionError } from './errors.ts'
import { learningRate } from './learning-rate.ts'
import { loadState, saveState } from './saved-state.ts'
import { disposeState, type TrainingState } from './state.ts'
import type { TrainingBatch, TrainingData, TrainingMetrics } from './train.ts'
import { type TrainableDenoiser, type TrainDenoiserOptions, trainDenoiser } from './train-denoiser.ts'

const diffusion = createDiffusion({
  schedule: linearSchedule({ steps: 50 }),
  prediction: 'epsilon',
  variance: 'fixed-large',
})

/** Batches of gray images that are a function of their position in the run. */
const images = (size: number, side = 4): TrainingData =>
  async function* ({ samples }) {
    for (let first = samples; ; first += size) {
      const labels = Int32Array.from({ length: size }, (_, i) => (first + i) % 3)
      const pixels = Float32Array.from({ length: size * side ** 2 }, (_, i) =>
        Math.sin(first * side ** 2 + i),
      )
      yield { images: pixels, labels, shape: [size, side, side, 1] } satisfies TrainingBatch
    }
  }

/** The smallest denoiser: ε̂ = a x + b + c[label], three tensors. */
function line(onLabels?: (labels: Int32Array) => void): TrainableDenoiser {
  const spec = (name: string, shape: number[]): ParameterSpec => ({
    name,
    shape,
    kind: 'vector',
    initial: 'ones',
    fanIn: 1,
  })
  const parameters = { a: tf.tensor1d([0.5]), b: tf.tensor1d([0.1]), c: tf.tensor1d([0.1, 0.2, 0.3, 0.4]) }
  return {
    specs: [spec('a', [1]), spec('b', [1]), spec('c', [4])],
    parameters,
    config: { classes: 3, nullClass: true },
    forward: (x, _t, labels, options) => {
      const { a, b, c } = (options?.parameters ?? parameters) as typeof parameters
      onLabels?.(labels?.dataSync() as Int32Array)
      const rows = tf.cast(tf.oneHot(labels as tf.Tensor1D, 4), 'float32')
      const shift = tf.reshape(tf.matMul(rows, tf.reshape(c, [4, 1])), [-1, 1, 1, 1])
      return tf.add(tf.add(tf.mul(x, a), b), shift)
    },
  }
}

const options = (changes: Partial<TrainDenoiserOptions> = {}): TrainDenoiserOptions => ({
  diffusion,
  denoiser: changes.denoiser ?? line(),
  data: images(4),
  steps: 5,
  optimizer: adamw({ learningRate: 0.01 }),
  seed: 1,
  ...changes,
})

const bits = (state: TrainingState) => ({
  step: state.step,
  samples: state.samples,
  timesteps: state.timesteps,
  vectors: [state.parameters, ...state.moments, ...state.averages.map(({ vector }) => vector)].map((vector) =>
    Buffer.from(vector.dataSync<'float32'>().slice().buffer).toString('hex'),
  ),
})

/** What a run leaves: its state after each step, and its metrics. */
async function run(changes: Partial<TrainDenoiserOptions> = {}) {
  const states: ReturnType<typeof bits>[] = []
  const metrics: (TrainingMetrics | undefined)[] = []
  const parameters: number[][] = []
  for await (const step of trainDenoiser(options(changes))) {
    states.push(bits(step.state))
    metrics.push(step.metrics)
    parameters.push(Array.from(step.state.parameters.dataSync()))
  }
  return { states, metrics, parameters, last: states.at(-1) as ReturnType<typeof bits> }
}

let folder: string
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'training-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a run that was interrupted and resumed from a file', () => {
  test('has the bits of one that was not: a UNet with everything on', async () => {
    const denoiser = createUNet(
      {
        size: 2,
        inChannels: 1,
        outChannels: 2,
        channels: 32,
        multipliers: [1],
        blocks: 1,
        classes: 3,
        nullClass: true,
        dropout: 0.2,
      },
      { seed: 1 },
    )
    const everything: Partial<TrainDenoiserOptions> = {
      diffusion: createDiffusion({
        schedule: linearSchedule({ steps: 50 }),
        prediction: 'v',
        variance: 'learned-range',
      }),
      denoiser,
      data: images(3, 2),
      optimizer: adamw({ learningRate: 1e-3, weightDecay: 0.01 }),
      learningRate: learningRate({ warmup: 2, anneal: 'cosine', steps: 6 }),
      loss: 'hybrid',
      weighting: { minSnr: 5 },
      microbatch: 2,
      clip: 1,
      ema: [0.9, 0.99],
      labelDropout: 0.3,
      steps: 4,
    }
    const { last } = await run(everything)
    const path = join(folder, 'state.safetensors')
    for await (const step of trainDenoiser(options(everything))) {
      if (step.index < 2) continue
      await saveState(path, step.state)
      break
    }
    const { state } = await loadState(path, denoiser)
    const resumed = await run({ ...everything, state })
    expect(resumed.states).toHaveLength(2)
    expect(resumed.last).toEqual(last)
    disposeState(state)
    denoiser.dispose()
  })

  test('at any step, with learned timesteps', async () => {
    const short = createDiffusion({ ...diffusion, schedule: linearSchedule({ steps: 21 }) })
    // 21 timesteps, 10 losses each: the 8 × 60 losses of the run leave the uniform start behind
    const learned: Partial<TrainDenoiserOptions> = {
      diffusion: short,
      timesteps: 'loss-second-moment',
      data: images(60),
      steps: 8,
    }
    const { states, last } = await run(learned)
    const denoiser = line()
    for (const at of [1, 7]) {
      const path = join(folder, `learned-${at}.safetensors`)
      for await (const step of trainDenoiser(options(learned))) {
        if (step.index === at) await saveState(path, step.state)
      }
      const { state } = await loadState(path, denoiser)
      expect(bits(state)).toEqual(states[at - 1])
      expect((await run({ ...learned, state })).last).toEqual(last)
      disposeState(state)
    }
    expect(last.timesteps.slice(0, 21)).toEqual(new Float64Array(21).fill(10))
    const uniform = await run({ ...learned, timesteps: 'uniform' })
    expect(uniform.last.vectors[0]).not.toBe(last.vectors[0])
  })

  test('lends the state it goes on from, and gives nothing when that is already at the end', async () => {
    const path = join(folder, 'end.safetensors')
    for await (const step of trainDenoiser(options())) await saveState(path, step.state)
    const { state } = await loadState(path, line())
    expect((await run({ state })).states).toEqual([])
    expect(state.parameters.isDisposed).toBe(false)
    expect((await run({ state, steps: 6 })).states).toHaveLength(1)
    expect(state.parameters.isDisposed).toBe(false)
  })
})

describe('a run', () => {
  test('depends on the seed', async () => {
    const [one, again, other] = [await run(), await run(), await run({ seed: 2 })]
    expect(again.states).toEqual(one.states)
    expect(other.last.vectors).not.toEqual(one.last.vectors)
  })

  test('lowers the loss', async () => {
    const { metrics } = await run({ steps: 120, optimizer: adamw({ learningRate: 0.02 }), data: images(16) })
    const mean = (part: typeof metrics) => part.reduce((sum, m) => sum + (m?.loss as number), 0) / part.length
    expect(mean(metrics.slice(-20))).toBeLessThan(0.8 * mean(metrics.slice(0, 20)))
  })

  test('by microbatches has the gradient of the whole batch', async () => {
    for (const microbatch of [1, 2, 3]) {
      const [parts, whole] = [await run({ microbatch, steps: 3 }), await run({ steps: 3 })]
      for (const [step, values] of whole.parameters.entries()) {
        for (const [i, value] of values.entries()) expect(parts.parameters[step]?.[i]).toBeCloseTo(value, 5)
        expect(parts.metrics[step]?.loss).toBeCloseTo(whole.metrics[step]?.loss as number, 5)
        expect(parts.metrics[step]?.gradientNorm).toBeCloseTo(whole.metrics[step]?.gradientNorm as number, 5)
      }
    }
  })

  test('clips the gradient, and reports its norm from before', async () => {
    // one step of Adam does not see the length, its moments do: m = 0.1 g
    const [free, clipped] = [await run({ steps: 1 }), await run({ steps: 1, clip: 0.01 })]
    expect(clipped.metrics).toEqual(free.metrics)
    const moment = (result: typeof free) => {
      const bytes = Buffer.from(result.last.vectors[1] as string, 'hex')
      return Math.hypot(...new Float32Array(Uint8Array.from(bytes).buffer))
    }
    expect(moment(free)).toBeCloseTo(0.1 * (free.metrics[0]?.gradientNorm as number), 6)
    expect(moment(clipped)).toBeCloseTo(0.1 * 0.01, 6)
  })

  test('keeps the averages that it is asked for', async () => {
    for (const emaWarmup of [true, false]) {
      const { parameters, last } = await run({ ema: [0.5], emaWarmup, steps: 3 })
      let expected = [0.5, 0.1, 0.1, 0.2, 0.3, 0.4]
      for (const [i, values] of parameters.entries()) {
        const d = emaWarmup ? Math.min(0.5, (2 + i) / (11 + i)) : 0.5
        expected = expected.map((value, j) => d * value + (1 - d) * (values[j] as number))
      }
      const bytes = Buffer.from(last.vectors[3] as string, 'hex')
      const average = new Float32Array(Uint8Array.from(bytes).buffer)
      for (const [i, value] of expected.entries()) expect(average[i]).toBeCloseTo(value, 6)
    }
  })

  test('follows the schedule of the learning rate', async () => {
    const rates: number[] = []
    const { parameters } = await run({ steps: 2, learningRate: learningRate({ warmup: 2 }) })
    for await (const step of trainDenoiser(options({ steps: 3, learningRate: learningRate({ warmup: 2 }) })))
      rates.push(step.learningRate)
    expect(rates).toEqual([0.005, 0.01, 0.01])
    // the first step of Adam is as long as the learning rate
    expect(Math.abs((parameters[0]?.[0] as number) - 0.5)).toBeCloseTo(0.005, 5)
  })

  test('drops labels to the null class at the wanted rate, whatever the microbatch', async () => {
    const seen = async (labelDropout: number, microbatch: number) => {
      const labels: number[] = []
      const denoiser = line((batch) => labels.push(...batch))
      await run({ denoiser, labelDropout, microbatch, data: images(500), steps: 4 })
      return labels
    }
    const [kept, dropped] = [await seen(0, 500), await seen(0.2, 500)]
    expect(kept).toEqual(Array.from({ length: 2000 }, (_, i) => i % 3))
    const nulls = dropped.filter((label) => label === 3).length
    expect(Math.abs(nulls / 2000 - 0.2)).toBeLessThan(4 * Math.sqrt((0.2 * 0.8) / 2000))
    expect(dropped.filter((label, i) => label !== 3 && label !== i % 3)).toEqual([])
    expect(await seen(0.2, 170)).toEqual(dropped)
    expect(new Set(await seen(1, 500))).toEqual(new Set([3]))
  })

  test('reads losses as often as it is asked', async () => {
    const { metrics } = await run({ lossEvery: 2 })
    expect(metrics.map((each) => each !== undefined)).toEqual([false, true, false, true, false])
    expect(metrics[1]).toMatchObject({ loss: expect.any(Number), mse: expect.any(Number) })
    const { metrics: every } = await run()
    expect(every[1]).toEqual(metrics[1])
    const quarters = every[1]?.lossByQuarter ?? []
    expect(quarters).toHaveLength(4)
    const known = quarters.filter((value) => !Number.isNaN(value))
    expect(Math.min(...known)).toBeLessThanOrEqual(every[1]?.loss as number)
    expect(Math.max(...known)).toBeGreaterThanOrEqual(every[1]?.loss as number)
  })

  test('ends with the data', async () => {
    const data: TrainingData = async function* (position) {
      let left = 2
      for await (const batch of images(4)(position)) {
        if (left-- === 0) return
        yield batch
      }
    }
    expect((await run({ data })).states).toHaveLength(2)
  })

  test('does not hold more tensors from step to step, and none at the end', async () => {
    const denoiser = line()
    const counts: number[] = []
    const before = tf.memory().numTensors
    const busy = { denoiser, ema: [0.9], clip: 1, microbatch: 3, labelDropout: 0.5, steps: 100, lossEvery: 3 }
    for await (const _ of trainDenoiser(options(busy))) counts.push(tf.memory().numTensors)
    expect(counts).toHaveLength(100)
    expect(new Set(counts)).toEqual(new Set([before + 4]))
    expect(tf.memory().numTensors).toBe(before)
  })

  test('stopped by break or signal frees everything and closes the data', async () => {
    let open = 0
    const data: TrainingData = async function* (position) {
      open++
      try {
        yield* images(4)(position)
      } finally {
        open--
      }
    }
    const denoiser = line()
    const before = tf.memory().numTensors
    for await (const step of trainDenoiser(options({ data, denoiser }))) if (step.index === 2) break
    expect([open, tf.memory().numTensors]).toEqual([0, before])
    const controller = new AbortController()
    const stopped = (async () => {
      for await (const step of trainDenoiser(options({ data, denoiser, signal: controller.signal })))
        if (step.index === 2) controller.abort(new Error('enough'))
    })()
    await expect(stopped).rejects.toThrow('enough')
    expect([open, tf.memory().numTensors]).toEqual([0, before])
  })
})

describe('a run that cannot go on', () => {
  async function refusal(changes: Partial<TrainDenoiserOptions>): Promise<Error> {
    const denoiser = changes.denoiser ?? line()
    const before = tf.memory().numTensors
    try {
      for await (const _ of trainDenoiser(options({ ...changes, denoiser })));
    } catch (error) {
      expect(tf.memory().numTensors).toBe(before)
      return error as Error
    }
    throw new Error('went on')
  }

  test('says that it diverged, and at which step', async () => {
    const error = await refusal({ optimizer: adamw({ learningRate: 1e25 }) })
    expect(error).toBeInstanceOf(TrainingDivergedError)
    expect(error.message).toMatchInlineSnapshot(`"Training diverged at step 2: the loss is Infinity."`)
    expect(error).toMatchObject({ step: 2, advice: expect.stringContaining('lower learning rate') })
    const data: TrainingData = async function* () {
      yield { images: new Float32Array(16).fill(Number.NaN), labels: new Int32Array(1), shape: [1, 4, 4, 1] }
    }
    expect((await refusal({ data })).message).toMatchInlineSnapshot(
      `"Training diverged at step 1: the loss is NaN."`,
    )
  })

  test.each<[string, Partial<TrainDenoiserOptions>]>([
    ['steps', { steps: 1.5 }],
    ['microbatch', { microbatch: 0 }],
    ['lossEvery', { lossEvery: 0 }],
    ['clip', { clip: -1 }],
    ['ema', { ema: [1] }],
    ['labelDropout', { labelDropout: 1.5 }],
  ])('names the option %s', async (option, changes) => {
    const error = await refusal(changes)
    expect(error).toBeInstanceOf(TrainingOptionError)
    expect(error).toMatchObject({ option })
    expect(error.message).toContain(`${option} is ${JSON.stringify(Object.values(changes)[0])}, expected `)
  })

  test('has labels that fit the network', async () => {
    const labelled = (labels?: Int32Array): TrainingData =>
      async function* () {
        yield { images: new Float32Array(32), shape: [2, 4, 4, 1], ...(labels ? { labels } : {}) }
      }
    // the second microbatch is the wrong one: what the first made is freed too
    expect(
      (await refusal({ data: labelled(Int32Array.of(0, 3)), microbatch: 1 })).message,
    ).toMatchInlineSnapshot(`"data is 3, expected labels from 0 to 2."`)
    expect((await refusal({ data: labelled() })).message).toMatchInlineSnapshot(
      `"data is "images without labels", expected labels of 3 classes."`,
    )
    const conditional = { ...line(), config: { classes: 3 } }
    expect((await refusal({ denoiser: conditional, labelDropout: 0.1 })).message).toMatchInlineSnapshot(
      `"labelDropout is 0.1, expected 0 for a network without a null class."`,
    )
  })

  test('resumes only from a state of its own', async () => {
    const path = join(folder, 'own.safetensors')
    for await (const step of trainDenoiser(options({ ema: [0.9], steps: 1 })))
      await saveState(path, step.state)
    const { state } = await loadState(path, line())
    expect((await refusal({ state, ema: [0.99] })).message).toMatchInlineSnapshot(
      `"ema is [0.99], expected the averages of the state, [0.9]."`,
    )
    expect((await refusal({ state, timesteps: 'loss-second-moment' })).message).toMatchInlineSnapshot(
      `"timesteps is "loss-second-moment", expected a history of 50 × 10 losses, found 0 numbers."`,
    )
    const other = { ...line(), specs: line().specs.slice(0, 2) }
    expect((await refusal({ state, denoiser: other })).message).toMatchInlineSnapshot(
      `"state is "3 tensors, 6 numbers", expected those of the network: 2 tensors, 2 numbers."`,
    )
    disposeState(state)
  })
})
