import { giveFile } from '../engine-client.ts'
import type { ModelChoice } from '../plan.ts'
import { model } from '../settings.ts'
import { putOnShelf } from '../weight-shelf.ts'
import { failedPlan, openModel } from './open-model.ts'

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
  const [choice, otherwise] =
    guide === denoiser
      ? [missing(place(guide)) ?? { denoiser: place(guide) }, { ...model.peek(), classifier: place(guide) }]
      : [pair(denoiser, guide), pair(guide, denoiser)]
  openModel(choice, denoiser.name, { keep, otherwise })
}

const place = ({ name }: File) => `file:${name}`

const pair = (denoiser: File, guide: File) => ({ denoiser: place(denoiser), classifier: place(guide) })

const guideLikeness = ({ name }: File) => Number(/classif/i.test(name))

/** What failed last, where this file is one of those that it wanted: with it comes all that a link says of them. */
function missing(file: string): ModelChoice | undefined {
  const wanted = failedPlan()?.model
  return wanted && [wanted.denoiser, wanted.classifier].includes(file) ? wanted : undefined
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
