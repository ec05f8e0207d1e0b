import { signal } from '@preact/signals'
import { giveFile, load, type Task } from '../engine-client.ts'
import type { FileFacts, ModelChoice, RunPlan } from '../plan.ts'
import type { Loading, Problem } from '../protocol.ts'
import { problem, runs, start, stop } from '../runs.ts'
import { isSameModel } from '../same-model.ts'
import { engine, engineFacts, model, takeModel } from '../settings.ts'
import { putOnShelf } from '../weight-shelf.ts'

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

/**
 * Takes files as weights: a denoiser, a denoiser and its classifier, or a classifier for the denoiser that is there. Which
 * is which is guessed by their names at first, and then said by what they hold.
 */
export function takeFiles(files: readonly File[]): void {
  const [guide, denoiser = guide] = [...files].sort((a, b) => guideLikeness(b) - guideLikeness(a))
  if (!denoiser || !guide) return
  const taken = new Set([denoiser, guide])
  for (const file of taken) giveFile(file)
  const put = (file: File) => putOnShelf(file, model.peek().facts)
  const keep = async () => (await Promise.all([...taken].map(put))).every(Boolean)
  const choice =
    guide === denoiser
      ? (missing(place(denoiser)) ?? { denoiser: place(denoiser) })
      : { denoiser: place(denoiser), classifier: place(guide) }
  const otherwise =
    guide === denoiser
      ? { ...model.peek(), classifier: place(guide) }
      : { denoiser: place(guide), classifier: place(denoiser) }
  openModel(choice, denoiser.name, { keep, otherwise })
}

const place = ({ name }: File) => `file:${name}`

const guideLikeness = ({ name }: File) => Number(/classif/i.test(name))

/** What failed last, where this file is one of those that it wanted: with it comes all that a link says of them. */
function missing(file: string): ModelChoice | undefined {
  const wanted = failedPlan()?.model
  return wanted && [wanted.denoiser, wanted.classifier].includes(file) ? wanted : undefined
}

function failedPlan(): RunPlan | undefined {
  const figure = problem.peek()?.figure
  return figure && runs[figure].peek()?.plan
}

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

/** Samples what failed for want of this model. */
function sampleAgain(choice: ModelChoice): void {
  const figure = problem.peek()?.figure
  const plan = failedPlan()
  if (figure && plan && isSameModel(plan.model, choice)) start(figure, plan)
}

/** Handlers that let files be dropped anywhere on an element. */
export function dropFiles() {
  return {
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
    },
    onDrop: (event: DragEvent) => {
      const files = [...(event.dataTransfer?.files ?? [])]
      if (files.length === 0) return
      event.preventDefault()
      document.getElementById('weights')?.scrollIntoView()
      takeFiles(files)
    },
  }
}
