import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import type { Guidance, GuidanceContext } from '@guided-diffusion/diffusion'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { during, scaleBy, sum } from './composition.ts'

const values = [1, -2, 0.5, 4]
const context = (index = 0, total = 10): GuidanceContext =>
  ({
    x: tf.tensor4d(values, [2, 1, 2, 1]),
    index,
    total,
    alphaCumprod: 0.25,
  }) as unknown as GuidanceContext

const double: Guidance = ({ x }) => tf.mul(x, 2)
const square: Guidance = ({ x }) => tf.square(x)
const never: Guidance = () => {
  throw new Error('asked')
}
const pull = (guidance: Guidance, index?: number, total?: number) =>
  tf.tidy(() => [...guidance(context(index, total)).dataSync()])
const none = values.map(() => 0)

beforeAll(() => startBackend([cpu()]))

describe('a sum', () => {
  test('adds all pulls', () => {
    expect(pull(sum(double, square))).toEqual(values.map((value) => 2 * value + value ** 2))
    expect(pull(sum(double))).toEqual(pull(double))
    expect(pull(sum(square, double))).toEqual(pull(sum(double, square)))
  })

  test('of none is no guidance', () => {
    expect(pull(sum())).toEqual(none)
  })

  test('frees what it adds, also when one of them throws', () => {
    const step = context()
    const before = tf.memory().numTensors
    sum(double, square)(step).dispose()
    expect(() => sum(double, never)(step)).toThrow('asked')
    expect(tf.memory().numTensors).toBe(before)
    step.x.dispose()
  })
})

describe('a pull during a part of the run', () => {
  const active = (from: number, to: number, total: number) =>
    Array.from({ length: total }, (_, index) => pull(during({ from, to }, double), index, total)[0] !== 0)

  test('is there from `from` on, and before `to`', () => {
    expect(active(0.2, 0.5, 10)).toEqual([false, false, true, true, true, false, false, false, false, false])
    expect(active(0, 1, 3)).toEqual([true, true, true])
    expect(active(0.4, 0.4, 5)).toEqual([false, false, false, false, false])
  })

  test('is always there by default', () => {
    for (const index of [0, 4, 9]) expect(pull(during({}, double), index)).toEqual(pull(double))
  })

  test('parts that meet divide the run: each step is in one of them', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
        (border, total) => {
          const [before, after] = [active(0, border, total), active(border, 1, total)]
          expect(before.map((each, i) => each !== after[i])).not.toContain(false)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('asks nobody elsewhere', () => {
    expect(pull(during({ from: 0.5 }, never), 0)).toEqual(none)
    expect(() => pull(during({ from: 0.5 }, never), 5)).toThrow('asked')
  })

  test('that ends before it begins is refused', () => {
    expect(() => during({ from: 0.6, to: 0.4 }, double)).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: interval is {"from":0.6,"to":0.4}, expected 0 ≤ from ≤ to ≤ 1.]`,
    )
    expect(() => during({ from: -0.1 }, double)).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: interval is {"from":-0.1,"to":1}, expected 0 ≤ from ≤ to ≤ 1.]`,
    )
    expect(() => during({ to: 1.5 }, double)).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: interval is {"from":0,"to":1.5}, expected 0 ≤ from ≤ to ≤ 1.]`,
    )
    expect(() => during({ to: Number.NaN }, double)).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: interval is {"from":0,"to":NaN}, expected 0 ≤ from ≤ to ≤ 1.]`,
    )
  })
})

describe('a scaled pull', () => {
  test('by 1 is itself, by 0 nothing that anybody is asked for, by a product the product', () => {
    expect(pull(scaleBy(1, square))).toEqual(pull(square))
    expect(pull(scaleBy(0, never))).toEqual(none)
    expect(pull(scaleBy(2, scaleBy(3, square)))).toEqual(pull(scaleBy(6, square)))
    expect(pull(scaleBy(2, sum(double, square)))).toEqual(pull(sum(scaleBy(2, double), scaleBy(2, square))))
  })

  test('takes one factor a sample, or one by step', () => {
    expect(pull(scaleBy([1, -1], double))).toEqual([2, -4, -1, -8])
    expect(
      pull(
        scaleBy(({ index, total }) => index / total, double),
        5,
      ),
    ).toEqual(values)
    expect(pull(scaleBy(({ alphaCumprod }) => [0, alphaCumprod], double)).slice(2)).toEqual([0.25, 2])
  })

  test('refuses factors that fit no sample', () => {
    expect(() => pull(scaleBy([1, 2, 3], double))).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is [1,2,3], expected one number, or 2: one a sample.]`,
    )
    expect(() => pull(scaleBy(Number.NEGATIVE_INFINITY, double))).toThrowErrorMatchingInlineSnapshot(
      `[GuidanceOptionError: scale is -Infinity, expected finite numbers.]`,
    )
  })

  test('leaves one tensor', () => {
    const step = context()
    const before = tf.memory().numTensors
    const gradient = scaleBy([2, 3], double)(step)
    expect(tf.memory().numTensors).toBe(before + 1)
    tf.dispose([gradient, step.x])
  })
})
