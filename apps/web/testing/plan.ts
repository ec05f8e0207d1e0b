import type { RunPlan } from '../src/plan.ts'

/** A plan of one picture, for tests that need one. */
export const plan: RunPlan = {
  model: { denoiser: 'built-in' },
  engine: 'auto',
  sampler: 'ddim',
  steps: 6,
  seed: 1,
  cells: [{ sample: 0, label: 7 }],
  gammas: [[0, 2]],
}
