import { pairCells, pairPlan } from '../plans.ts'
import type { Run } from '../runs.ts'
import { count, modelFacts, seed } from '../settings.ts'
import { cellPixels, noisePixels } from './frame-pixels.ts'
import { focus } from './instrument-moment.ts'
import { Picture } from './picture.tsx'

/** All pictures of the run, where there are several: the chosen one is shown large. */
export function Samples({ run }: { run: Run | undefined }) {
  if (count.value === 1) return null
  const frame = run?.frames.at(-1)
  const shown =
    run && frame && run.plan.cells.at(-1)?.sample === count.value - 1 ? { ...frame, ...run.model } : undefined
  const plan = run?.plan ?? pairPlan()
  return (
    <fieldset class="samples">
      <legend class="hidden">Which noise is shown</legend>
      {Array.from({ length: count.value }, (_, i) => {
        const { free, guided } = pairCells(plan, i)
        const pixels = (cell: number) =>
          shown ? cellPixels(shown.x, cell, shown.shape) : noisePixels(seed.value, i, modelFacts.value.shape)
        return (
          <label key={i}>
            <input
              type="radio"
              name="sample"
              aria-label={`Noise ${i + 1} of ${count.value}`}
              checked={focus.value === i}
              onChange={() => {
                focus.value = i
              }}
            />
            <Picture
              pixels={pixels(free)}
              label={`Noise ${i + 1}, ${guided === free ? 'unguided' : 'left alone'}`}
              tone="free"
            />
            {guided !== free && (
              <Picture pixels={pixels(guided)} label={`Noise ${i + 1}, guided`} tone="guided" />
            )}
          </label>
        )
      })}
    </fieldset>
  )
}
