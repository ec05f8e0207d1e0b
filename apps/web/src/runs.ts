/** Runs of the page's figures: one at a time, and the last of each figure stays to be looked at. */
import { batch, type Signal, signal } from '@preact/signals'
import * as client from './engine-client.ts'
import { type Figure, figures, type LinkState } from './link.ts'
import { keepUsed } from './offline.ts'
import { distinctCells, type GammaPath, type RunPlan } from './plan.ts'
import { isGuided, type Loading, type ModelFacts, type Problem, type StepPicture } from './protocol.ts'
import { isSameModel } from './same-model.ts'
import { model as chosenModel, engineFacts, gamma, modelFacts, takeModel } from './settings.ts'

export interface Run {
  readonly plan: RunPlan
  readonly model: ModelFacts
  readonly status: 'loading' | 'sampling' | 'done' | 'stopped'
  readonly loading?: Loading
  /** Steps made so far. */
  readonly steps: readonly Step[]
  /** Pictures of steps, in their order: of the last one always, of those before as far as there is room. */
  readonly frames: readonly StepPicture[]
  /** How many there will be, as far as known. */
  readonly total: number
}

/** What is kept of every step. */
export type Step = Pick<StepPicture, 'index' | 'gamma' | 'probabilities' | 'took'>

/** The last run of each figure. */
export const runs = Object.fromEntries(figures.map((figure) => [figure, signal(undefined)])) as Record<
  Figure,
  Signal<Run | undefined>
>
/** The figure that is being sampled. */
export const active = signal<Figure | undefined>(undefined)
/** What went wrong last, until the reader goes on. */
export const problem = signal<(Problem & { readonly figure: Figure }) | undefined>(undefined)
/** What a screen reader says. */
export const announcement = signal('')

let task: client.Task | undefined
/** Whether γ was set by hand since the last run began. */
let touched = false
let running: object | undefined

/** Samples a plan in a figure; what ran before is stopped. */
export function start(figure: Figure, plan: RunPlan): void {
  stop()
  const me = {}
  running = me
  touched = false
  batch(() => {
    problem.value = undefined
    active.value = figure
    runs[figure].value = {
      plan,
      model: modelFacts.peek(),
      status: 'loading',
      steps: [],
      frames: [],
      total: plan.steps,
    }
    announcement.value = 'Sampling begins.'
  })
  const change = (more: Partial<Run>) => {
    const run = runs[figure].peek()
    if (running === me && run) runs[figure].value = { ...run, ...more }
  }
  const end = (status: 'done' | 'stopped', words: string) => {
    if (running !== me) return
    batch(() => {
      change({ status })
      active.value = undefined
      announcement.value = words
    })
    running = undefined
    task = undefined
  }
  task = client.run(plan, {
    onProgress: (loading) => change({ loading }),
    onReady: (model, engine) => {
      if (running !== me) return
      batch(() => {
        // another may have been chosen meanwhile
        if (isSameModel(plan.model, chosenModel.peek())) takeModel(model)
        engineFacts.value = engine
        // what the plan was made for may have been another model: the worker leaves out what this one makes twice
        change({ model, plan: { ...plan, cells: distinctCells(plan.cells, isGuided(model)) } })
      })
    },
    onStep: (step) => {
      const { steps = [], frames = [] } = runs[figure].peek() ?? {}
      const { index, gamma: used, probabilities, took } = step
      change({
        status: 'sampling',
        steps: [...steps, { index, gamma: used, probabilities, took }],
        // only the first figure goes back to steps before
        frames: figure === 'pair' ? withinRoom([...frames, step]) : [step],
        total: step.total,
      })
      // a γ that changes along the way, as a link may have it, moves the slider
      if (running === me && !touched && plan.gammas.length > 1) gamma.value = step.gamma
      const tenth = Math.max(1, Math.round(step.total / 5))
      if (running === me && (step.index + 1) % tenth === 0 && step.index + 1 < step.total)
        announcement.value = `Step ${step.index + 1} of ${step.total}.`
    },
    onDone: (used) => {
      end('done', 'The picture is finished.')
      void keepUsed(used)
    },
    onFailed: (found) => {
      // what the reader stopped runs no more
      if (running !== me) return
      problem.value = { ...found, figure }
      end('stopped', 'Sampling failed.')
    },
  })
}

/** Stops what runs; its last step stays to be seen. */
export function stop(): void {
  const figure = active.peek()
  task?.abort()
  task = undefined
  running = undefined
  if (!figure) return
  const run = runs[figure].peek()
  batch(() => {
    if (run) runs[figure].value = { ...run, status: 'stopped' }
    active.value = undefined
    announcement.value = 'Stopped.'
  })
}

/** γ was set by hand: it holds for the steps to come of what runs. */
export function changeGamma(value: number): void {
  touched = true
  task?.setGamma(value)
}

/** γ for a run that is tried again: as it was planned, unless γ was set by hand since. */
export function gammasAgain(figure: Figure): GammaPath | undefined {
  return touched ? undefined : runs[figure].peek()?.plan.gammas
}

/** γ as the steps of a run had it. */
export function gammasOf({ steps, plan }: Run): GammaPath {
  if (steps.length === 0) return plan.gammas
  const path: [number, number][] = []
  for (const { index, gamma } of steps) if (path.at(-1)?.[1] !== gamma) path.push([index, gamma])
  return path
}

/** Bytes that the pictures of a run may take. */
const room = 2 ** 28

/** As many pictures as there is room for: where it ends, every second one goes, but never the last. */
export function withinRoom(frames: readonly StepPicture[], most = room): readonly StepPicture[] {
  const bytes = frames.reduce((sum, { x, xStart, pull }) => sum + x.length + xStart.length + pull.length, 0)
  return bytes <= most ? frames : frames.filter((_, i) => (frames.length - 1 - i) % 2 === 0)
}

/** What a link must hold to make a run's pictures again. */
export function linkOf(figure: Figure, run: Run): LinkState {
  const { plan } = run
  // the other figures have their number of noises
  const count = figure === 'pair' ? new Set(plan.cells.map(({ sample }) => sample)).size : 1
  return {
    figure,
    ...plan.model,
    engine: plan.engine,
    label: plan.cells[0]?.label ?? 0,
    gammas: gammasOf(run),
    steps: plan.steps,
    sampler: plan.sampler,
    seed: plan.seed,
    count,
    ...(plan.wish ? { wish: plan.wish } : {}),
  }
}
