import { expect, test } from 'vitest'
import { cosineSchedule } from './cosine.ts'
import { marginalTables } from './marginal.ts'

test('noising x_0 and taking ε away again gives x_0', () => {
  const tables = marginalTables(cosineSchedule({ steps: 100 }))
  const [xStart, epsilon] = [0.7, -1.3]
  for (let step = 0; step < 99; step++) {
    const x =
      (tables.sqrtAlphasCumprod[step] as number) * xStart +
      (tables.sqrtOneMinusAlphasCumprod[step] as number) * epsilon
    const back =
      (tables.sqrtRecipAlphasCumprod[step] as number) * x -
      (tables.sqrtRecipm1AlphasCumprod[step] as number) * epsilon
    expect(back).toBeCloseTo(xStart, 10)
  }
})

test('the variance is kept: squares of the two coefficients add up to 1', () => {
  const tables = marginalTables(cosineSchedule({ steps: 100 }))
  tables.sqrtAlphasCumprod.forEach((signal, step) => {
    const noise = tables.sqrtOneMinusAlphasCumprod[step] as number
    expect(signal ** 2 + noise ** 2).toBeCloseTo(1, 14)
    expect(tables.logOneMinusAlphasCumprod[step]).toBeCloseTo(2 * Math.log(noise), 12)
  })
})
