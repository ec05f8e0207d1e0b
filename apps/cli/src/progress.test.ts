import { expect, test } from 'vitest'
import { duration } from './progress.ts'

test.each([
  [0.4, '0s'],
  [59.4, '59s'],
  [75, '1m 15s'],
  [3599.6, '1h 0m'],
  [7320, '2h 2m'],
  [-3, '0s'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})
