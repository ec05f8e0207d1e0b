import { gridCell, gridGammas, gridPlan, gridRows } from '../plans.ts'
import { isGuided } from '../protocol.ts'
import { runs } from '../runs.ts'
import { className, label, modelFacts, seed } from '../settings.ts'
import { cellPixels, noisePixels } from './frame-pixels.ts'
import { Picture } from './picture.tsx'
import { ProblemPanel } from './problem-panel.tsx'
import { SampleButton } from './sample-button.tsx'
import { Share } from './share.tsx'

/** γ × noise: a row shares its noise, a column its γ. */
export function Grid() {
  // columns of pictures that nothing guides would be alike; a link may still ask for them, and fail
  if (!isGuided(modelFacts.value)) return <ProblemPanel figure="grid" again={gridPlan} />
  const last = runs.grid.value
  const run = last && isGuided(last.model) ? last : undefined
  const frame = run?.frames.at(-1)
  const name = className(run?.model ?? modelFacts.value, run?.plan.cells[0]?.label ?? label.value)
  const sure = (gamma: number) => {
    if (!run || !frame || frame.probabilities.length === 0) return undefined
    const { classes } = run.model
    const wanted = run.plan.cells[0]?.label ?? 0
    let sum = 0
    for (let row = 0; row < gridRows; row++)
      sum += frame.probabilities[gridCell(run.plan, row, gamma) * classes + wanted] as number
    return sum / gridRows
  }
  return (
    <section class="figure text-and-figure" id="figure-grid" aria-labelledby="grid-title">
      <div class="text">
        <h2 id="grid-title">Surer, and less varied</h2>
        <p>
          Rows begin with the same noise, columns share <i>γ</i>. From left to right the pictures agree more
          and more on what they show, and differ less from each other: the classifier’s certainty is paid for
          with variety.
        </p>
        <p>
          The percentages are how sure the classifier is of <b>{name}</b>, as a mean of each column. It judges
          pictures that it made itself, so another classifier may be less convinced.
        </p>
        <SampleButton
          figure="grid"
          plan={gridPlan}
          words={`Sample ${gridRows * gridGammas.length} pictures`}
        />
        <Share run={run} figure="grid" />
        <ProblemPanel figure="grid" again={gridPlan} />
      </div>
      <table class="grid">
        <caption class="hidden">Pictures of {name} for each γ and noise</caption>
        <thead>
          <tr>
            {gridGammas.map((gamma) => {
              const share = sure(gamma)
              return (
                <th key={gamma} scope="col">
                  <i>γ</i> = {gamma}
                  <span>{share === undefined ? '–' : `${Math.round(100 * share)}%`}</span>
                </th>
              )
            })}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: gridRows }, (_, row) => (
            <tr key={row}>
              {gridGammas.map((gamma) => (
                <td key={gamma}>
                  <Picture
                    pixels={
                      run && frame
                        ? cellPixels(frame.x, gridCell(run.plan, row, gamma), run.model.shape)
                        : noisePixels(seed.value, row, modelFacts.value.shape)
                    }
                    label={`Noise ${row + 1}, γ = ${gamma}`}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
