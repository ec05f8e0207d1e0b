import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { linearSchedule, respace } from '@guided-diffusion/schedules'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { ddim } from './ddim.ts'
import { ddimInversion } from './ddim-inversion.ts'
import { createDiffusion } from './diffusion.ts'
import type { ImageShape } from './noise-values.ts'
import { type SamplingOptions, samplesOf } from './sampling-options.ts'

const options: SamplingOptions = {
  diffusion: createDiffusion({
    schedule: respace(linearSchedule({ steps: 100 }), '10'),
    prediction: 'epsilon',
    variance: 'fixed-small',
  }),
  denoiser: { forward: (x) => tf.zerosLike(x) },
  shape: [2, 2, 1],
  seed: 1,
}

beforeAll(() => startBackend([cpu()]))

describe('the number of images', () => {
  test('is said by count, samples, labels or start', () => {
    expect(samplesOf({ ...options, count: 3 }, ddim())).toEqual([0, 1, 2])
    expect(samplesOf({ ...options, labels: [7, 7] }, ddim())).toEqual([0, 1])
    expect(samplesOf({ ...options, labels: Int32Array.of(7) }, ddim())).toEqual([0])
    expect(samplesOf({ ...options, samples: [5, 5, 9], count: 3 }, ddim())).toEqual([5, 5, 9])
    const start = tf.zeros<tf.Rank.R4>([2, 2, 2, 1])
    expect(samplesOf({ ...options, start }, ddim())).toEqual([0, 1])
    start.dispose()
  })

  test('must be said, and at least 1', () => {
    expect(() => samplesOf(options, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: count is undefined, expected one image or more.]`,
    )
    expect(() => samplesOf({ ...options, count: 0 }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: count is 0, expected one image or more.]`,
    )
    expect(() => samplesOf({ ...options, count: 1.5 }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: count is 1.5, expected one image or more.]`,
    )
    expect(() => samplesOf({ ...options, labels: [] }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: the length of labels is 0, expected one image or more.]`,
    )
  })

  test('must be the same everywhere', () => {
    expect(() =>
      samplesOf({ ...options, labels: [1, 2], count: 3 }, ddim()),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: the length of labels is 2, expected 3, as count says.]`,
    )
    expect(() =>
      samplesOf({ ...options, samples: [1, 2], labels: [1] }, ddim()),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: the length of labels is 1, expected 2, as samples says.]`,
    )
  })
})

describe('refused are', () => {
  test('shapes that are no image’s', () => {
    const shaped = (shape: readonly number[]) => () =>
      samplesOf({ ...options, count: 1, shape: shape as unknown as ImageShape }, ddim())
    expect(shaped([2, 2])).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: shape is [2,2], expected [height, width, channels].]`,
    )
    expect(shaped([2, 0, 1])).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: shape is [2,0,1], expected [height, width, channels].]`,
    )
  })

  test('images to start from that have another shape', () => {
    const start = tf.zeros<tf.Rank.R4>([1, 3, 2, 1])
    expect(() => samplesOf({ ...options, start }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: start is [1,3,2,1], expected images of [2, 2, 1].]`,
    )
    start.dispose()
  })

  test('labels that number no class', () => {
    expect(() => samplesOf({ ...options, labels: [3, -1] }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: labels[1] is -1, expected the number of a class, from 0.]`,
    )
    expect(() => samplesOf({ ...options, labels: [0.5] }, ddim())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: labels[0] is 0.5, expected the number of a class, from 0.]`,
    )
  })

  test('an inversion of nothing, or without a second step', () => {
    expect(() => samplesOf({ ...options, count: 1 }, ddimInversion())).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: start is undefined, expected the images that ddim-inversion begins with.]`,
    )
    const start = tf.zeros<tf.Rank.R4>([1, 2, 2, 1])
    const single = createDiffusion({
      ...options.diffusion,
      schedule: respace(linearSchedule({ steps: 100 }), { steps: [50] }),
    })
    expect(() =>
      samplesOf({ ...options, start, diffusion: single }, ddimInversion()),
    ).toThrowErrorMatchingInlineSnapshot(
      `[DiffusionOptionError: diffusion.schedule.steps is 1, expected at least 2 for ddim-inversion.]`,
    )
    start.dispose()
  })
})
