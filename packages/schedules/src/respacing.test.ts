import fc from '@guided-diffusion/tooling/properties'
import { expect, test } from 'vitest'
import { cosineSchedule } from './cosine.ts'
import { linearSchedule } from './linear.ts'
import { keepSteps, parseRespacing, rescaleTimesteps, respace } from './respacing.ts'
import { scheduleFromBetas } from './schedule.ts'
import { zeroTerminalSnr } from './zero-terminal-snr.ts'

const full = linearSchedule({ steps: 1000 })

/** A length and steps to keep of it. */
const lengthAndKept = fc.integer({ min: 1, max: 300 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    kept: fc.uniqueArray(fc.nat(length - 1), { minLength: 1 }).map((steps) => steps.sort((a, b) => a - b)),
  }),
)

test('respacing keeps ᾱ at every kept step', () => {
  fc.assert(
    fc.property(lengthAndKept, ({ length, kept }) => {
      const whole = cosineSchedule({ steps: length })
      const fast = respace(whole, { steps: kept })
      expect([...fast.timesteps]).toEqual(kept)
      expect([...fast.alphasCumprod]).toEqual(kept.map((step) => whole.alphasCumprod[step]))
      expect(fast.trainingSteps).toBe(length)
    }),
  )
})

test('the β of a respaced schedule lead to its ᾱ', () => {
  fc.assert(
    fc.property(lengthAndKept, ({ length, kept }) => {
      const fast = respace(cosineSchedule({ steps: length }), { steps: kept })
      scheduleFromBetas(fast.betas).alphasCumprod.forEach((level, step) => {
        expect(level).toBeCloseTo(fast.alphasCumprod[step] as number, 13)
      })
    }),
  )
})

test('respacing twice is respacing once', () => {
  const twice = respace(respace(full, '100'), '10')
  const once = respace(full, { steps: [...twice.timesteps] })
  expect(twice).toEqual(once)
})

test('keeping every step changes nothing but rounding in β', () => {
  const same = respace(full, '1000')
  expect(same.alphasCumprod).toEqual(full.alphasCumprod)
  expect(same.timesteps).toEqual(full.timesteps)
  same.betas.forEach((beta, step) => {
    expect(beta).toBeCloseTo(full.betas[step] as number, 15)
  })
})

test('a schedule that ends in pure noise can be respaced', () => {
  const fast = respace(zeroTerminalSnr(full), '10')
  expect(fast.betas[9]).toBe(1)
  expect(fast.alphasCumprod[9]).toBe(0)
  const gone = respace(scheduleFromBetas([0.5, 1, 0.5, 0.5]), { steps: [0, 1, 3] })
  expect([...gone.betas]).toEqual([0.5, 1, 1])
})

test('spellings are parsed into data, which is accepted as well', () => {
  expect(parseRespacing('ddim25')).toEqual({ stride: 25 })
  expect(parseRespacing('250')).toEqual({ sections: [250] })
  expect(parseRespacing('10,15, 20')).toEqual({ sections: [10, 15, 20] })
  for (const spelling of ['ddim25', '250', '10,15,20']) {
    expect(keepSteps(1000, parseRespacing(spelling))).toEqual(keepSteps(1000, spelling))
  }
})

test('sections have the wanted numbers of steps, rising, with their first and last', () => {
  const counts = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(counts, fc.integer({ min: 160, max: 2000 }), (sections, steps) => {
      fc.pre(sections.some((count) => count > 0))
      const kept = keepSteps(steps, { sections })
      expect(kept).toHaveLength(sections.reduce((sum, count) => sum + count, 0))
      kept.forEach((step, i) => {
        expect(step).toBeGreaterThan(kept[i - 1] ?? -1)
      })
      expect(kept.at(-1)).toBeLessThan(steps)
      let first = 0
      let taken = 0
      sections.forEach((count, section) => {
        const size = Math.floor(steps / sections.length) + (section < steps % sections.length ? 1 : 0)
        if (count > 0) expect(kept[taken]).toBe(first)
        if (count > 1) expect(kept[taken + count - 1]).toBe(first + size - 1)
        taken += count
        first += size
      })
    }),
  )
})

test('a stride keeps multiples of the smallest that gives the wanted number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1000 }), fc.integer({ min: 1, max: 1000 }), (steps, wanted) => {
      const strides = Array.from({ length: steps - 1 }, (_, i) => i + 1)
      const stride = strides.find((stride) => Math.ceil(steps / stride) === wanted)
      if (stride === undefined) {
        expect(() => keepSteps(steps, { stride: wanted })).toThrow(
          expect.objectContaining({ name: 'RespacingImpossibleError', steps, wanted }),
        )
      } else {
        expect(keepSteps(steps, { stride: wanted })).toEqual(
          Array.from({ length: wanted }, (_, i) => i * stride),
        )
      }
    }),
  )
})

test('halves go to the even step, as in the reference', () => {
  // Positions 0, 2.5, 5, 7.5, 10.
  expect(keepSteps(11, '5')).toEqual([0, 2, 5, 8, 10])
})

test('impossible respacings say what there is and what to do', () => {
  expect(() => keepSteps(1000, 'ddim999')).toThrowErrorMatchingInlineSnapshot(
    `[RespacingImpossibleError: No whole stride takes exactly 999 of 1000 steps.]`,
  )
  expect(() => keepSteps(1000, 'ddim999')).toThrow(
    expect.objectContaining({ advice: expect.stringContaining("'999'") }),
  )
  expect(() => keepSteps(100, 'ddim101')).toThrow(
    expect.objectContaining({ advice: 'Keep at most 100 steps, or respace a longer schedule.' }),
  )
  expect(() => keepSteps(100, '101')).toThrowErrorMatchingInlineSnapshot(
    `[RespacingImpossibleError: 101 steps cannot be kept of 100.]`,
  )
  expect(() => keepSteps(10, '5,6')).toThrowErrorMatchingInlineSnapshot(
    `[RespacingImpossibleError: 6 steps cannot be kept of section 1, which has 5 of the 10 steps.]`,
  )
})

test.each(['', 'ddim', 'ddim2.5', '-5', '10,,20', '10;20', 'all', '1e3', 'ddim25 '])(
  '%o is no respacing',
  (text) => {
    expect(() => parseRespacing(text)).toThrow(
      expect.objectContaining({ name: 'ScheduleRangeError', value: text }),
    )
  },
)

test('no steps, or steps out of order, are refused', () => {
  expect(() => parseRespacing('fast')).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: respacing is "fast", expected 'ddimN', 'N' or 'N,N,…'.]`,
  )
  expect(() => keepSteps(10, 'ddim0')).toThrow(expect.objectContaining({ name: 'ScheduleRangeError' }))
  expect(() => keepSteps(10, '0')).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: respacing is "0", expected one step or more.]`,
  )
  expect(() => keepSteps(10, { steps: [] })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: respacing is {"steps":[]}, expected one step or more.]`,
  )
  expect(() => keepSteps(10, { steps: [3, 3] })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps[1] is 3, expected an integer in [4, 10).]`,
  )
  expect(() => keepSteps(10, { steps: [0, 10] })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: steps[1] is 10, expected an integer in [1, 10).]`,
  )
  expect(() => keepSteps(10, { sections: [2.5] })).toThrowErrorMatchingInlineSnapshot(
    `[ScheduleRangeError: respacing is 2.5, expected a number of steps.]`,
  )
})

test('timesteps are rescaled to a training of 1000 steps', () => {
  const quarter = rescaleTimesteps(respace(linearSchedule({ steps: 4000 }), '3'))
  expect([...quarter.timesteps]).toEqual([0, 500, 999.75])
  expect(rescaleTimesteps(quarter)).toEqual(quarter)
  expect(rescaleTimesteps(full)).toEqual(full)
})
