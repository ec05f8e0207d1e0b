import { TrainingOptionError } from './errors.ts'

/** A factor on the learning rate, from the number of finished steps. */
export type LearningRateSchedule = (step: number) => number

export interface LearningRateOptions {
  /** Steps over which the factor rises from 0 to 1. @default 0 */
  readonly warmup?: number
  /** How the factor falls after the warm-up. @default 'none' */
  readonly anneal?: 'none' | 'linear' | 'cosine'
  /** Steps of the whole run; needed for annealing. */
  readonly steps?: number
  /** The factor at the end. @default 0 */
  readonly final?: number
}

/**
 * Linear warm-up, then constant, linear or cosine annealing:
 *
 * f(k) = (k+1)/w for k < w, then f = final + (1−final) (1−p) or final + (1−final) (1+cos πp)/2,  p = (k−w)/(n−w).
 */
export function learningRate(options: LearningRateOptions = {}): LearningRateSchedule {
  const { warmup = 0, anneal = 'none', steps, final = 0 } = options
  if (anneal !== 'none' && !(steps !== undefined && steps > warmup)) {
    throw new TrainingOptionError({
      option: 'steps',
      value: steps,
      expected: `more steps than the warm-up of ${warmup}`,
      advice: 'Annealing needs to know how long the run is.',
    })
  }
  return (step) => {
    if (step < warmup) return (step + 1) / warmup
    if (anneal === 'none') return 1
    const progress = Math.min(1, (step - warmup) / ((steps as number) - warmup))
    const shape = anneal === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2
    return final + (1 - final) * shape
  }
}
