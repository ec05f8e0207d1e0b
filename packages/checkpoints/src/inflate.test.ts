import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { MalformedFileError } from './errors.ts'
import { inflate, inflateStart } from './inflate.ts'

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7)
const packed = deflateRawSync(content)

test('gives what was packed', () => {
  expect(Buffer.compare(inflate(packed, content.length, 'a.npz'), content)).toBe(0)
})

test('the start can be had from the first packed bytes', () => {
  expect(inflateStart(packed.subarray(0, 5000), 100, 'a.npz')).toEqual(content.subarray(0, 100))
  expect(inflateStart(deflateRawSync(Uint8Array.of(1, 2)), 100, 'a.npz')).toEqual(Uint8Array.of(1, 2))
})

test.each([
  ['more than was told', packed, 299_999, 'a.npz is not valid zip: it inflates to more than 299999 bytes.'],
  [
    'less than was told',
    packed,
    300_001,
    'a.npz is not valid zip: it inflates to 300000 bytes, expected 300001.',
  ],
  ['nothing', new Uint8Array(0), 1, 'a.npz is not valid zip: it inflates to 0 bytes, expected 1.'],
])('%s is an error', (_, bytes, size, message) => {
  expect(() => inflate(bytes, size, 'a.npz')).toThrow(
    new MalformedFileError({ source: 'a.npz', format: 'zip', problems: [message.slice(24, -1)] }),
  )
})

test('bytes that are not packed at all', () => {
  expect(() => inflate(Uint8Array.of(7, 7, 7), 10, 'a.npz')).toThrow(
    /^a\.npz is not valid zip: it cannot be inflated/,
  )
})

test('a bomb is left as soon as it is larger than was told', () => {
  const bomb = deflateRawSync(new Uint8Array(2 ** 26))
  const began = performance.now()
  expect(() => inflate(bomb, 1000, 'a.npz')).toThrow('it inflates to more than 1000 bytes')
  expect(inflateStart(bomb, 1000, 'a.npz')).toEqual(new Uint8Array(1000))
  expect(performance.now() - began).toBeLessThan(3000)
})
