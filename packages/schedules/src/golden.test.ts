import { golden, goldenError } from '@guided-diffusion/tooling/golden'
import { expect, test } from 'vitest'
import {
  cosineSchedule,
  keepSteps,
  linearSchedule,
  marginalTables,
  posteriorTables,
  respace,
  type Schedule,
} from './index.ts'

const linear1000 = linearSchedule({ steps: 1000 })

test.each([
  ['schedule-linear-1000', linear1000],
  ['schedule-linear-50', linearSchedule({ steps: 50 })],
  ['schedule-cosine-1000', cosineSchedule({ steps: 1000 })],
  ['schedule-cosine-50', cosineSchedule({ steps: 50 })],
] as [string, Schedule][])('%s has the tables of the reference code', (name, schedule) => {
  const { tensors, tolerance } = golden(name)
  const marginal = marginalTables(schedule)
  const posterior = posteriorTables(schedule)
  const actual: Record<string, Float64Array> = {
    betas: schedule.betas,
    alphas_cumprod: schedule.alphasCumprod,
    alphas_cumprod_prev: schedule.alphasCumprodPrevious,
    log_one_minus_alphas_cumprod: marginal.logOneMinusAlphasCumprod,
    sqrt_recip_alphas_cumprod: marginal.sqrtRecipAlphasCumprod,
    sqrt_recipm1_alphas_cumprod: marginal.sqrtRecipm1AlphasCumprod,
    posterior_mean_coef1: posterior.posteriorMeanCoef1,
    posterior_mean_coef2: posterior.posteriorMeanCoef2,
    posterior_variance: posterior.posteriorVariance,
    posterior_log_variance_clipped: posterior.posteriorLogVarianceClipped,
  }
  expect([...tensors.keys()].sort()).toEqual(Object.keys(actual).sort())
  for (const [key, { data }] of tensors) {
    expect(goldenError(actual[key] as Float64Array, data as Float64Array), key).toBeLessThanOrEqual(tolerance)
  }
})

test('respacings keep the steps that the reference keeps, and fail where it fails', () => {
  const cases = golden('respacing').case.cases as {
    T: number
    spec: string
    steps?: number[]
    error?: true
  }[]
  expect(cases.length).toBeGreaterThan(0)
  for (const { T, spec, steps, error } of cases) {
    if (error) {
      expect(() => keepSteps(T, spec), spec).toThrow(
        expect.objectContaining({ name: 'RespacingImpossibleError' }),
      )
    } else {
      expect(keepSteps(T, spec), spec).toEqual(steps)
    }
  }
})

test('linear 1000 respaced to ddim25 has the β and the timesteps of the reference', () => {
  const { tensors } = golden('respacing')
  const fast = respace(linear1000, 'ddim25')
  const timesteps = tensors.get('timestep_map_linear1000_ddim25')?.data as BigInt64Array
  expect([...fast.timesteps]).toEqual(Array.from(timesteps, Number))
  const betas = tensors.get('betas_linear1000_ddim25')?.data as Float64Array
  expect(goldenError(fast.betas, betas)).toBeLessThanOrEqual(1e-12)
})
