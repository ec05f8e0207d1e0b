import { describe, expect, test } from 'vitest'
import { memoryShape, toFile, toMemory } from './layout.ts'
import type { ParameterKind } from './parameters.ts'

const counted = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i)

describe('layouts', () => {
  test('OIHW becomes HWIO', () => {
    expect(memoryShape('conv2d', [2, 3, 1, 2])).toEqual([1, 2, 3, 2])
    // element [o, i, 0, w] of the file is [0, w, i, o] in memory
    expect([...toMemory('conv2d', [2, 3, 1, 2], counted([2, 3, 1, 2]))]).toEqual([
      0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11,
    ])
  })

  test('[out, in] becomes [in, out]', () => {
    for (const [kind, shape] of [
      ['linear', [2, 3]],
      ['conv1d', [2, 3, 1]],
      ['positional', [2, 3]],
    ] as const) {
      expect(memoryShape(kind, shape)).toEqual([3, 2])
      expect([...toMemory(kind, shape, counted(shape))]).toEqual([0, 3, 1, 4, 2, 5])
    }
  })

  test.each<[ParameterKind, number[]]>([
    ['conv2d', [4, 3, 3, 2]],
    ['conv1d', [6, 5, 1]],
    ['linear', [6, 5]],
    ['positional', [4, 5]],
    ['embedding', [7, 3]],
    ['vector', [9]],
  ])('%s: there and back', (kind, shape) => {
    const values = counted(shape)
    expect(toFile(kind, shape, toMemory(kind, shape, values))).toEqual(values)
  })
})
