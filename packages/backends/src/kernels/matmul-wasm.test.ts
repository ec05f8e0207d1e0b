import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import {
  largestError,
  numbersOn,
  onEachBackend,
  scattered,
  scatteredTensor,
} from '../on-each-backend.fixture.ts'

interface Case {
  readonly outerA: number[]
  readonly outerB: number[]
  readonly sizes: readonly [m: number, k: number, n: number]
}

const cases: Case[] = [
  { outerA: [], outerB: [], sizes: [1, 1, 1] },
  { outerA: [], outerB: [], sizes: [37, 65, 29] },
  { outerA: [4], outerB: [4], sizes: [3, 2, 5] },
  { outerA: [4], outerB: [4], sizes: [20, 31, 40] },
  { outerA: [2, 3], outerB: [2, 3], sizes: [25, 16, 33] },
  { outerA: [5], outerB: [1], sizes: [17, 32, 24] },
  { outerA: [1], outerB: [5], sizes: [17, 32, 24] },
  { outerA: [2, 3], outerB: [1, 1], sizes: [21, 20, 22] },
]
const flags = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
)

/** The product by its definition, in float64: `[..., m, k]`, `[..., k, n]` → `[..., m, n]`. */
function product(
  a: Float32Array,
  b: Float32Array,
  { outerA, outerB, sizes: [m, k, n] }: Case,
  turned: Flags,
) {
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB)
  const out = new Float64Array(tf.util.sizeFromShape([...outer, m, n]))
  for (let pair = 0; pair < tf.util.sizeFromShape(outer); pair++) {
    const at = tf.util.indexToLoc(pair, outer.length, tf.util.computeStrides(outer))
    const [startA, startB] = [offset(at, outerA) * m * k, offset(at, outerB) * k * n]
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let l = 0; l < k; l++) {
          const left = a[startA + (turned.transposeA ? l * m + i : i * k + l)] as number
          sum += left * (b[startB + (turned.transposeB ? j * k + l : l * n + j)] as number)
        }
        out[(pair * m + i) * n + j] = sum
      }
    }
  }
  return out
}

type Flags = (typeof flags)[number]

/** Number of the matrix at a place of the broadcast shape. */
function offset(at: readonly number[], outer: readonly number[]): number {
  const own = at.slice(at.length - outer.length).map((index, i) => (outer[i] === 1 ? 0 : index))
  return own.reduce((sum, index, i) => sum * (outer[i] as number) + index, 0)
}

const shapes = ({ outerA, outerB, sizes: [m, k, n] }: Case, { transposeA, transposeB }: Flags) => ({
  a: [...outerA, ...(transposeA ? [k, m] : [m, k])],
  b: [...outerB, ...(transposeB ? [n, k] : [k, n])],
})

await onEachBackend(({ backend }) => {
  for (const each of cases) {
    test.each(flags)(`[${each.outerA}] × [${each.outerB}] of ${each.sizes}: %o`, async (turned) => {
      const { a, b } = shapes(each, turned)
      const [numbers] = await numbersOn(backend, () =>
        tf.matMul(scatteredTensor(a, 1), scatteredTensor(b, 2), turned.transposeA, turned.transposeB),
      )
      const expected = product(scattered(a, 1), scattered(b, 2), each, turned)
      expect(largestError(numbers as Float32Array, expected)).toBeLessThan(1e-5)
    })
  }

  test.each(flags)('the gradients are those of the definition: %o', async (turned) => {
    const { a, b } = shapes({ outerA: [3], outerB: [3], sizes: [20, 24, 28] }, turned)
    const gradients = () =>
      tf.grads((x, y) => tf.sum(tf.sin(tf.matMul(x, y, turned.transposeA, turned.transposeB))))([
        scatteredTensor(a, 1),
        scatteredTensor(b, 2),
      ])
    const [actual, expected] = [await numbersOn(backend, gradients), await numbersOn('cpu', gradients)]
    for (const i of [0, 1])
      expect(largestError(actual[i] as Float32Array, expected[i] as Float32Array)).toBeLessThan(1e-5)
  })
})
