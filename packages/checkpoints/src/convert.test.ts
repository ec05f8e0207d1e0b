import { expect, test } from 'vitest'
import { convertFloats, toFloat32 } from './convert.ts'
import type { WeightTensor } from './weights.ts'

const shape = [2]
const tensors: Readonly<Record<string, { tensor: WeightTensor; values: number[] }>> = {
  float64: {
    tensor: { dtype: 'float64', shape, data: Float64Array.of(0.1, -2) },
    values: [Math.fround(0.1), -2],
  },
  float32: {
    tensor: { dtype: 'float32', shape, data: Float32Array.of(0.1, -2) },
    values: [Math.fround(0.1), -2],
  },
  float16: { tensor: { dtype: 'float16', shape, data: Uint16Array.of(0x3c00, 0xc000) }, values: [1, -2] },
  bfloat16: { tensor: { dtype: 'bfloat16', shape, data: Uint16Array.of(0x3f80, 0xc000) }, values: [1, -2] },
  int64: { tensor: { dtype: 'int64', shape, data: BigInt64Array.of(2n ** 40n, -3n) }, values: [2 ** 40, -3] },
  uint64: {
    tensor: { dtype: 'uint64', shape, data: BigUint64Array.of(2n ** 63n, 3n) },
    values: [2 ** 63, 3],
  },
  int32: { tensor: { dtype: 'int32', shape, data: Int32Array.of(16777217, -3) }, values: [16777216, -3] },
  int16: { tensor: { dtype: 'int16', shape, data: Int16Array.of(7, -3) }, values: [7, -3] },
  int8: { tensor: { dtype: 'int8', shape, data: Int8Array.of(7, -3) }, values: [7, -3] },
  uint32: {
    tensor: { dtype: 'uint32', shape, data: Uint32Array.of(7, 4294967295) },
    values: [7, 4294967296],
  },
  uint16: { tensor: { dtype: 'uint16', shape, data: Uint16Array.of(7, 65535) }, values: [7, 65535] },
  uint8: { tensor: { dtype: 'uint8', shape, data: Uint8Array.of(7, 255) }, values: [7, 255] },
  bool: { tensor: { dtype: 'bool', shape, data: Uint8Array.of(0, 1) }, values: [0, 1] },
}

test.each(Object.entries(tensors))('%s becomes the nearest float32', (_, { tensor, values }) => {
  expect([...toFloat32(tensor)]).toEqual(values)
})

test('float32 is not copied', () => {
  const { tensor } = tensors.float32 as (typeof tensors)[string]
  expect(toFloat32(tensor)).toBe(tensor.data)
  expect(convertFloats(tensor, 'float32')).toBe(tensor)
})

test.each(['float32', 'float16', 'bfloat16'] as const)('only floats become %s', (target) => {
  for (const { tensor } of Object.values(tensors)) {
    const floating = tensor.dtype.includes('float')
    const converted = convertFloats(tensor, target)
    if (!floating) expect(converted).toBe(tensor)
    else expect(converted).toMatchObject({ dtype: target, shape })
  }
})

test('a float64 is rounded once on its way to float16 and to bfloat16', () => {
  const data = Float64Array.of(1 + 2 ** -11 + 2 ** -40, 1 + 2 ** -8 + 2 ** -40)
  const narrowed = (target: 'float16' | 'bfloat16') => [
    ...toFloat32(convertFloats({ dtype: 'float64', shape, data }, target)),
  ]
  expect(narrowed('float16')[0]).toBe(1 + 2 ** -10)
  expect(narrowed('bfloat16')[1]).toBe(1 + 2 ** -7)
})
