import { expect, test } from 'vitest'
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  float64ToOddFloat32,
} from './half.ts'

const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)

/** The value of 16 bits by the definition of the format. */
function valueOfBits(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits
  const bias = 2 ** (exponentBits - 1) - 1
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits & 0x7fff) >> fractionBits
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

const formats = [
  { name: 'float16', exponentBits: 5, widen: float16ToFloat32, narrow: float32ToFloat16 },
  { name: 'bfloat16', exponentBits: 8, widen: bfloat16ToFloat32, narrow: float32ToBfloat16 },
] as const

test.each(formats)('$name: each of the 65536 values widens to what the format says', (format) => {
  const wide = format.widen(all)
  const wrong = all.findIndex((bits) => !Object.is(wide[bits], valueOfBits(bits, format.exponentBits)))
  expect(wrong).toBe(-1)
})

test.each(formats)('$name: each widened value narrows to itself, a NaN to a NaN', ({ widen, narrow }) => {
  const wide = widen(all)
  const back = narrow(wide)
  const wrong = all.findIndex((bits) =>
    Number.isNaN(wide[bits]) ? !Number.isNaN(widen(back.subarray(bits, bits + 1))[0]) : back[bits] !== bits,
  )
  expect(wrong).toBe(-1)
})

test.each(formats)(
  '$name: half-way between two values goes to the even one, the rest to the nearer',
  ({ exponentBits, narrow }) => {
    const infinite = (2 ** exponentBits - 1) << (15 - exponentBits)
    // the largest finite value is followed by what would come next if there were no infinity
    const next = (bits: number) =>
      bits + 1 < infinite ? valueOfBits(bits + 1, exponentBits) : 2 ** (2 ** (exponentBits - 1))
    const wrong: number[] = []
    for (let bits = 0; bits < infinite; bits++) {
      const [low, high] = [valueOfBits(bits, exponentBits), next(bits)]
      const middle = low + (high - low) / 2
      const around = Float32Array.of(middle, middle - (high - low) / 8, middle + (high - low) / 8)
      const [tie, below, above] = narrow(around)
      if (tie !== bits + (bits & 1) || below !== bits || above !== bits + 1) wrong.push(bits)
    }
    // below the smallest float32 the eighth of a step is no float32 of its own
    expect(wrong.filter((bits) => exponentBits === 5 || bits >= 0x80)).toEqual([])
  },
)

test.each(formats)('$name: what is too large becomes infinite, with its sign', ({ widen, narrow }) => {
  const values = Float32Array.of(3.4e38, -3.4e38, Infinity, -Infinity)
  const narrowed = widen(narrow(values))
  expect([...narrowed].map(Math.sign)).toEqual([1, -1, 1, -1])
  expect([...narrowed.subarray(2)]).toEqual([Infinity, -Infinity])
})

test('float64 rounded to odd and then to a half format is float64 rounded once', () => {
  // just above a tie of float16: float32 would round it onto the tie, and the tie to even, downwards
  const above = 1 + 2 ** -11 + 2 ** -40
  expect(float16ToFloat32(float32ToFloat16(Float32Array.of(above)))[0]).toBe(1)
  const odd = float64ToOddFloat32(Float64Array.of(above, -above, 1, Number.NaN, 1e300))
  expect([...float16ToFloat32(float32ToFloat16(odd))]).toEqual([
    1 + 2 ** -10,
    -1 - 2 ** -10,
    1,
    Number.NaN,
    Infinity,
  ])
})
