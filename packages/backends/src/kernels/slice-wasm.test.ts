import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { numbersOn, onEachBackend, scattered } from '../on-each-backend.fixture.ts'

const blocks: { shape: number[]; begin: number[]; size: number[] }[] = [
  { shape: [9], begin: [2], size: [5] },
  { shape: [9], begin: [0], size: [9] },
  { shape: [4, 50], begin: [1, 7], size: [2, 40] },
  { shape: [4, 50], begin: [0, 7], size: [4, 3] },
  { shape: [4, 50], begin: [1, 0], size: [3, 50] },
  { shape: [3, 4, 5], begin: [1, 1, 1], size: [1, 2, 3] },
  { shape: [3, 4, 5], begin: [0, 1, 0], size: [3, 2, 5] },
  { shape: [2, 3, 4, 30], begin: [1, 0, 2, 0], size: [1, 3, 2, 30] },
  { shape: [2, 1, 3, 2, 3], begin: [0, 0, 1, 0, 1], size: [2, 1, 2, 2, 2] },
  { shape: [2, 2, 2, 2, 2, 2], begin: [0, 1, 0, 1, 0, 1], size: [2, 1, 2, 1, 2, 1] },
  { shape: [3, 4], begin: [1, 2], size: [0, 2] },
]

/** The block by its definition. */
function block(numbers: ArrayLike<number>, { shape, begin, size }: (typeof blocks)[number]): number[] {
  const strides = tf.util.computeStrides(shape)
  return Array.from(numbers).filter((_, i) =>
    tf.util.indexToLoc(i, shape.length, strides).every((at, axis) => {
      const offset = at - (begin[axis] as number)
      return offset >= 0 && offset < (size[axis] as number)
    }),
  )
}

await onEachBackend(({ backend }) => {
  for (const dtype of ['float32', 'int32', 'bool'] as const) {
    test.each(blocks)(`${dtype} [$shape] from [$begin] of [$size]`, async (each) => {
      const numbers = Array.from(scattered(each.shape), (value) =>
        dtype === 'float32' ? value : dtype === 'int32' ? Math.round(1e9 * value) : Number(value > 0),
      )
      const [actual] = await numbersOn(backend, () =>
        tf.slice(tf.tensor(numbers, each.shape, dtype), each.begin, each.size),
      )
      expect(Array.from(actual as Float32Array)).toEqual(
        block(Float64Array.from(numbers).map(rounded(dtype)), each),
      )
    })
  }

  test('pieces along any axis are the tensor', async () => {
    const numbers = scattered([4, 6, 5])
    for (const [axis, sizes] of [
      [0, [1, 3]],
      [1, [2, 0, 4]],
      [2, [5]],
      [-1, [1, 1, 3]],
    ] as const) {
      const [joined] = await numbersOn(backend, () => {
        const pieces = tf.split(tf.tensor3d(numbers, [4, 6, 5]), [...sizes], axis)
        expect(pieces.map(({ shape }) => shape.at(axis === -1 ? -1 : axis))).toEqual([...sizes])
        return tf.concat(
          pieces.filter(({ size }) => size > 0),
          axis,
        )
      })
      expect(joined).toEqual(numbers)
    }
  })

  test('a clone outlives its original', async () => {
    await tf.setBackend(backend)
    const original = tf.tensor1d([1, 2, 3])
    const clone = tf.clone(original)
    original.dispose()
    expect([...clone.dataSync()]).toEqual([1, 2, 3])
    clone.dispose()
  })

  test('whole numbers keep bits that no float has', async () => {
    // signalling not-a-numbers, if taken for floats
    const bits = [0x7fa00001, -0x005ffffe, 0x7f800001]
    const [actual] = await numbersOn(backend, () => tf.slice(tf.tensor1d([0, ...bits, 0], 'int32'), 1, 3))
    expect([...(actual as Float32Array)]).toEqual(bits)
  })
})

const rounded = (dtype: tf.DataType) => (value: number) => (dtype === 'float32' ? Math.fround(value) : value)
