import { readFileSync } from 'node:fs'
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
  const { tensors, facts } = readGolden(name)
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
  for (const [key, expected] of tensors) {
    const scale = Math.max(1, ...expected.map(Math.abs))
    const errors = expected.map((value, i) => Math.abs(value - ((actual[key] as Float64Array)[i] as number)))
    expect(Math.max(...errors), key).toBeLessThanOrEqual((facts.tolerance as number) * scale)
  }
})

test('respacings keep the steps that the reference keeps, and fail where it fails', () => {
  const { facts } = readGolden('respacing')
  const cases = facts.cases as { T: number; spec: string; steps?: number[]; error?: true }[]
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
  const { tensors } = readGolden('respacing')
  const fast = respace(linear1000, 'ddim25')
  expect(fast.timesteps).toEqual(tensors.get('timestep_map_linear1000_ddim25'))
  const expected = tensors.get('betas_linear1000_ddim25') as Float64Array
  expect(fast.betas).toHaveLength(expected.length)
  expected.forEach((beta, step) => {
    expect(Math.abs((fast.betas[step] as number) - beta)).toBeLessThanOrEqual(1e-12)
  })
})

function readGolden(name: string): { tensors: Map<string, Float64Array>; facts: Record<string, unknown> } {
  const bytes = readFileSync(new URL(`../../../tooling/golden/vectors/${name}.safetensors`, import.meta.url))
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...entries } = JSON.parse(bytes.toString('utf8', 8, start))
  const tensors = new Map<string, Float64Array>()
  for (const [key, entry] of Object.entries(entries)) {
    const { dtype, data_offsets } = entry as { dtype: string; data_offsets: [number, number] }
    const data = bytes.buffer.slice(
      bytes.byteOffset + start + data_offsets[0],
      bytes.byteOffset + start + data_offsets[1],
    )
    tensors.set(
      key,
      dtype === 'F64' ? new Float64Array(data) : Float64Array.from(new BigInt64Array(data), Number),
    )
  }
  return { tensors, facts: JSON.parse(__metadata__.case) }
}
