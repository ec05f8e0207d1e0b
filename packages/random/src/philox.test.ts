import { expect, test } from 'vitest'
import { philox } from './philox.ts'

function block(counter: [number, number, number, number], key: [number, number]): string {
  const out = new Uint32Array(4)
  philox(out, ...counter, ...key)
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ')
}

test('the generator gives the known answers of Random123', () => {
  const ones = 0xffffffff
  expect(block([0, 0, 0, 0], [0, 0])).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
  expect(block([ones, ones, ones, ones], [ones, ones])).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd')
  expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toBe(
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  )
})
