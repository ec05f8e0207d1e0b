import { expect, test } from 'vitest'
import { writeSignedUnit } from './pixels.ts'

test('every byte v becomes v/127.5 − 1, as a float32', () => {
  const out = new Float32Array(258).fill(7)
  writeSignedUnit(
    Uint8Array.from({ length: 256 }, (_, v) => v),
    out,
    1,
  )
  expect([out[0], out[257]]).toEqual([7, 7])
  for (let v = 0; v < 256; v++) expect(out[1 + v]).toBe(Math.fround(v / 127.5 - 1))
})
