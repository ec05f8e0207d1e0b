import { cosineSchedule, linearSchedule, marginalTables, posteriorTables } from '@guided-diffusion/schedules'
import type { Kind } from '../kind.ts'

/** Tables of the linear and the cosine schedule. */
export const schedule: Kind = {
  name: 'schedule',
  matches: ({ case: facts, tensors }) =>
    'kind' in facts && tensors.has('betas') && tensors.has('alphas_cumprod'),
  isInput: () => false,
  compute: ({ case: facts }) => {
    const made = namedSchedule(facts.kind, facts.T)
    const marginal = marginalTables(made)
    const posterior = posteriorTables(made)
    return {
      tensors: {
        betas: made.betas,
        alphas_cumprod: made.alphasCumprod,
        alphas_cumprod_prev: made.alphasCumprodPrevious,
        log_one_minus_alphas_cumprod: marginal.logOneMinusAlphasCumprod,
        sqrt_recip_alphas_cumprod: marginal.sqrtRecipAlphasCumprod,
        sqrt_recipm1_alphas_cumprod: marginal.sqrtRecipm1AlphasCumprod,
        posterior_mean_coef1: posterior.posteriorMeanCoef1,
        posterior_mean_coef2: posterior.posteriorMeanCoef2,
        posterior_variance: posterior.posteriorVariance,
        posterior_log_variance_clipped: posterior.posteriorLogVarianceClipped,
      },
    }
  },
}

/** The schedule that a case names. */
export function namedSchedule(kind: unknown, T: unknown) {
  if (kind === 'linear') return linearSchedule({ steps: Number(T) })
  if (kind === 'cosine') return cosineSchedule({ steps: Number(T) })
  throw new Error(`unknown schedule ${JSON.stringify(kind)}`)
}
