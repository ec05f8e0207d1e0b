/** Runs of the page's figures: one at a time, and the last of each figure stays to be looked at. */
import { batch, type Signal, signal } from '@preact/signals'
import * as client from './engine-client.ts'
import { type Figure, figures, type LinkState } from './link.ts'
import { keepUsed } from './offline.ts'
import { distinctCells, type GammaPath, type RunPlan } from './plan.ts'
import { isGuided, type Loading, type ModelFacts, type Problem, type StepPicture } from './protocol.ts'
import { engineFacts, gamma, modelFacts, takeModel } from './settings.ts'

export interface Run {
  readonly plan: RunPlan
  readonly model: ModelFacts
  readonly status: 'loading' | 'sampling' | 'done' | 'stopped'
  readonly loading?: Loading
  /** Steps made so far. */
  readonly frames: readonly StepPicture[]
  /** How many there will be, as far as known. */
  readonly total: number
}

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
/** Whether γ was set by hand in this run. */
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
        takeModel(model)
        engineFacts.value = engine
        // what the plan was made for may have been another model: the worker leaves out what this one makes twice
        change({ model, plan: { ...plan, cells: distinctCells(plan.cells, isGuided(model)) } })
      })
    },
    onStep: (step) => {
      const frames = runs[figure].peek()?.frames ?? []
      change({ status: 'sampling', frames: [...frames, step], total: step.total })
      // a γ that changes along the way, as a link may have it, moves the slider
      if (running === me && !touched && plan.gammas.length > 1) gamma.value = step.gamma
      const tenth = Math.max(1, Math.round(step.total / 5))
      if (running === me && (step.index + 1) % tenth === 0 && step.index + 1 < step.total)
        announcement.value = `Step ${step.index + 1} of ${step.total}.`
    },
    onDone: () => {
      end('done', 'The picture is finished.')
      void keepUsed()
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

/** γ for the steps to come of what runs. */
export function changeGamma(value: number): void {
  touched = true
  task?.setGamma(value)
}

/** γ as the steps of a run had it. */
export function gammasOf({ frames, plan }: Run): GammaPath {
  if (frames.length === 0) return plan.gammas
  const path: [number, number][] = []
  for (const { index, gamma } of frames) if (path.at(-1)?.[1] !== gamma) path.push([index, gamma])
  return path
}

/** What a link must hold to make a run's pictures again. */
export function linkOf(figure: Figure, run: Run, count: number): LinkState {
  const { plan } = run
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
