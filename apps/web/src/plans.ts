/** The plans of the three figures, from what the reader has chosen. */
import { type Cell, distinctCells, type GammaPath, type RunPlan, type Wish } from './plan.ts'
import { isGuided } from './protocol.ts'
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

/** Each noise left alone, and guided too where something guides. */
export function pairPlan(gammas?: GammaPath): RunPlan {
  const label = settings.label.peek()
  const cells = numbers(settings.count.peek()).flatMap((sample): Cell[] => [
    { sample, label, gamma: 0 },
    { sample, label },
  ])
  return { ...common(gammas), cells: distinctCells(cells, isGuided(settings.modelFacts.peek())) }
}

/** Where a noise's picture that was left alone stands among the cells of a pair's plan, and where the guided one does. */
export function pairCells(
  { cells }: RunPlan,
  noise: number,
): { readonly free: number; readonly guided: number } {
  const free = cells.findIndex(({ sample, gamma }) => sample === noise && gamma === 0)
  const guided = cells.findIndex(({ sample, gamma }) => sample === noise && gamma === undefined)
  return { free, guided: guided < 0 ? free : guided }
}

/** Where the picture of a noise at a γ of the grid stands among the cells of its plan. */
export function gridCell({ cells }: RunPlan, noise: number, gamma: number): number {
  return cells.findIndex((cell) => cell.sample === noise && cell.gamma === gamma)
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

/** Columns of the pictures of a plan as a table: a row has those of one noise, or all where each noise has one. */
export function columnsOf({ cells }: RunPlan): number {
  const each = cells.filter(({ sample }) => sample === cells[0]?.sample).length
  return each === 1 ? cells.length : each
}
