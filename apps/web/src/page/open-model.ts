import { signal } from '@preact/signals'
import { load, type Task } from '../engine-client.ts'
import type { FileFacts, ModelChoice, RunPlan } from '../plan.ts'
import type { Loading, Problem } from '../protocol.ts'
import { problem, runs, start, stop } from '../runs.ts'
import { isSameModel } from '../same-model.ts'
import { engine, engineFacts, model, takeModel } from '../settings.ts'

/** How far a model is that was asked for by address or by file. */
export const opening = signal<
  | { readonly state: 'loading'; readonly loading?: Loading; readonly name: string }
  | {
      readonly state: 'failed'
      readonly problem: Problem
      readonly name: string
      /** Tries once more, told what the file does not say. Absent where that would not help. */
      readonly tell?: (facts: FileFacts) => void
    }
  | { readonly state: 'ready'; readonly name: string; readonly kept: boolean }
  | undefined
>(undefined)

/** Counts what was kept, so that the list of it is read anew. */
export const shelfVersion = signal(0)

export interface OpenOptions {
  /** Keeps the files for later visits; whether there was room. */
  readonly keep?: () => Promise<boolean>
  /** What is opened where the denoiser turns out to be a classifier. */
  readonly otherwise?: ModelChoice
}

/** The opening that is under way. */
let task: Task | undefined

/**
 * Loads a model and takes it where that works; the one before stays where it does not. What failed for want of it is
 * sampled then.
 */
export function openModel(choice: ModelChoice, name: string, options: OpenOptions = {}): void {
  stop()
  cancelOpening()
  opening.value = { state: 'loading', name }
  const { keep = async () => true, otherwise } = options
  // what was given up is heard no more
  const stands = () => task === me
  const me = load(choice, engine.value, {
    onProgress: (loading) => {
      if (stands()) opening.value = { state: 'loading', loading, name }
    },
    onReady: (facts, running) => {
      if (!stands()) return
      model.value = choice
      engineFacts.value = running
      takeModel(facts)
    },
    onDone: async () => {
      if (!stands()) return
      const kept = await keep()
      if (!stands()) return
      task = undefined
      opening.value = { state: 'ready', name, kept }
      shelfVersion.value++
      sampleAgain(choice)
    },
    onFailed: (found) => {
      if (!stands()) return
      task = undefined
      if (found.name === 'ClassifierFileError' && otherwise) {
        openModel(otherwise, name, { keep })
        return
      }
      const asks = found.name === 'UndescribedFileError' || choice.facts !== undefined
      opening.value = {
        state: 'failed',
        problem: found,
        name,
        ...(asks ? { tell: (facts) => openModel({ ...choice, facts }, name, options) } : {}),
      }
    },
  })
  task = me
}

/** Gives up what is being opened. */
export function cancelOpening(): void {
  task?.abort()
  task = undefined
  opening.value = undefined
}

/** What failed last. */
export function failedPlan(): RunPlan | undefined {
  const figure = problem.peek()?.figure
  return figure && runs[figure].peek()?.plan
}

/** Samples what failed for want of this model. */
function sampleAgain(choice: ModelChoice): void {
  const figure = problem.peek()?.figure
  const plan = failedPlan()
  if (figure && plan && isSameModel(plan.model, choice)) start(figure, plan)
}
