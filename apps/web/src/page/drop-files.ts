import { signal } from '@preact/signals'
import { giveFile, load } from '../engine-client.ts'
import type { FileFacts, ModelChoice } from '../plan.ts'
import type { Loading, Problem } from '../protocol.ts'
import { stop } from '../runs.ts'
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

/** Takes files as weights: a denoiser, or a denoiser and its classifier, told apart by their names. */
export async function takeFiles(files: readonly File[]): Promise<void> {
  const weights = [...files]
  const guide = weights.length > 1 ? weights.find(({ name }) => /classif/i.test(name)) : undefined
  const denoiser = weights.find((file) => file !== guide)
  if (!denoiser) return
  for (const file of weights) giveFile(file)
  const choice = {
    denoiser: `file:${denoiser.name}`,
    ...(guide ? { classifier: `file:${guide.name}` } : {}),
  }
  openModel(choice, denoiser.name, async () => {
    const kept = await Promise.all([denoiser, ...(guide ? [guide] : [])].map(putOnShelf))
    return kept.every(Boolean)
  })
}

/** Loads a model and takes it where that works; the one before stays where it does not. */
export function openModel(
  choice: ModelChoice,
  name: string,
  keep: () => Promise<boolean> = async () => true,
): void {
  stop()
  opening.value = { state: 'loading', name }
  load(choice, engine.value, {
    onProgress: (loading) => {
      opening.value = { state: 'loading', loading, name }
    },
    onReady: (facts, running) => {
      model.value = choice
      engineFacts.value = running
      takeModel(facts)
    },
    onDone: async () => {
      const kept = await keep()
      opening.value = { state: 'ready', name, kept }
      shelfVersion.value++
    },
    onFailed: (problem) => {
      const asks = problem.name === 'UndescribedFileError' || choice.facts !== undefined
      opening.value = {
        state: 'failed',
        problem,
        name,
        ...(asks ? { tell: (facts) => openModel({ ...choice, facts }, name, keep) } : {}),
      }
    },
  })
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
      void takeFiles(files)
    },
  }
}
