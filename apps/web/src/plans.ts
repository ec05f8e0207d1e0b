/** The plans of the three figures, from what the reader has chosen. */
import type { Cell, GammaPath, RunPlan, Wish } from './plan.ts'
import * as settings from './settings.ts'

/** γ of the columns of the grid. */
export const gridGammas = [0, 1, 2, 4, 8] as const
/** Noises of the rows of the grid. */
export const gridRows = 4

function common(gammas?: GammaPath): Omit<RunPlan, 'cells'> {
  return {
    model: settings.model.peek(),
    engine: settings.engine.peek(),
    sampler: settings.sampler.peek(),
    steps: settings.steps.peek(),
    seed: settings.seed.peek(),
    gammas: gammas ?? [[0, settings.gamma.peek()]],
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Each noise twice: left alone, and guided. Cells 2i and 2i + 1. */
export function pairPlan(gammas?: GammaPath): RunPlan {
  const label = settings.label.peek()
  const cells = numbers(settings.count.peek()).flatMap((sample): Cell[] => [
    { sample, label, gamma: 0 },
    { sample, label },
  ])
  return { ...common(gammas), cells }
}

/** Row by row: one noise a row, one γ a column. */
export function gridPlan(): RunPlan {
  const label = settings.label.peek()
  const cells = numbers(gridRows).flatMap((sample) =>
    gridGammas.map((gamma): Cell => ({ sample, label, gamma })),
  )
  return { ...common(), cells }
}

/** One noise twice: without what was painted, and with it. */
export function paintPlan(wish: Wish, gammas?: GammaPath): RunPlan {
  const label = settings.label.peek()
  const cells: Cell[] = [
    { sample: 0, label },
    { sample: 0, label, wished: true },
  ]
  return { ...common(gammas), cells, wish }
}
