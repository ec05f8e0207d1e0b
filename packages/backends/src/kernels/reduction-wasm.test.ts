import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import {
  largestError,
  numbersOn,
  onEachBackend,
  scattered,
  scatteredTensor,
} from '../on-each-backend.fixture.ts'

const shapes = [
  [7],
  [1, 5],
  [33, 4],
  [6, 64, 10],
  [2, 9, 8, 16],
  [2, 3, 1, 4, 5],
  [3, 1031, 9],
  [4, 2050, 12],
]

/** Every set of axes of a shape, the empty one too. */
const axesOf = (shape: readonly number[]) =>
  Array.from({ length: 2 ** shape.length }, (_, set) =>
    shape.flatMap((_, axis) => ((set >> axis) & 1 ? [axis] : [])),
  )

/** Sums by the definition, in float64, in the order of what is kept. */
function sums(numbers: ArrayLike<number>, shape: number[], axes: readonly number[]): Float64Array {
  const kept = shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
  const out = new Float64Array(tf.util.sizeFromShape(kept))
  const strides = tf.util.computeStrides(shape)
  for (let i = 0; i < numbers.length; i++) {
    const at = tf.util
      .indexToLoc(i, shape.length, strides)
      .map((index, axis) => (axes.includes(axis) ? 0 : index))
    const to = at.reduce((sum, index, axis) => sum * (kept[axis] as number) + index, 0)
    out[to] = (out[to] as number) + (numbers[i] as number)
  }
  return out
}

await onEachBackend(({ backend }) => {
  describe.each(shapes.map((shape) => ({ shape })))('$shape', ({ shape }) => {
    test.each(axesOf(shape).map((axes) => ({ axes })))('sum and mean over $axes', async ({ axes }) => {
      const [sum, mean] = await numbersOn(backend, () => {
        const x = scatteredTensor(shape as [number])
        const [total, average] = [tf.sum(x, axes, true), tf.mean(x, axes)]
        expect(total.shape).toEqual(shape.map((length, axis) => (axes.includes(axis) ? 1 : length)))
        expect(average.shape).toEqual(shape.filter((_, axis) => !axes.includes(axis)))
        return [total, average]
      })
      const expected = sums(scattered(shape), shape, axes)
      const count = tf.util.sizeFromShape(axes.map((axis) => shape[axis] as number))
      expect(largestError(sum as Float32Array, expected)).toBeLessThan(2e-6 * Math.sqrt(count) + 1e-6)
      expect(
        largestError(
          mean as Float32Array,
          expected.map((each) => each / count),
        ),
      ).toBeLessThan(1e-6)
    })
  })

  test('whole numbers are summed as such', async () => {
    const [rows, all] = await numbersOn(backend, () => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32')
      return [tf.sum(x, 0), tf.sum(x)]
    })
    expect([...(rows as Float32Array), ...(all as Float32Array)]).toEqual([5, 7, 9, 21])
  })
})

describe('on wasm', () => {
  test('a sum of millions keeps its digits', async () => {
    const length = 3_000_001
    const numbers = Float32Array.from({ length }, (_, i) => 0.1 + (i % 7) / 100)
    const [all, columns] = await numbersOn('wasm', () => [
      tf.sum(tf.tensor1d(numbers)),
      tf.sum(tf.tensor2d(numbers.subarray(0, 3_000_000), [300_000, 10]), 0),
    ])
    const expected = numbers.reduce((sum, each) => sum + each, 0)
    expect(Math.abs((all?.[0] as number) / expected - 1)).toBeLessThan(1e-7)
    const column = sums(numbers.subarray(0, 3_000_000), [300_000, 10], [0])
    expect(largestError(columns as Float32Array, column) / (column[0] as number)).toBeLessThan(1e-6)
  })

  test('not a number stays so', async () => {
    const [sum] = await numbersOn('wasm', () => tf.sum(tf.tensor2d([1, Number.NaN, 3, 4], [2, 2]), 0))
    expect([...(sum as Float32Array)]).toEqual([4, Number.NaN])
  })
})
