import { signal } from '@preact/signals'
import type { GammaPath } from '../plan.ts'
import { pairCells, pairPlan } from '../plans.ts'
import { isGuided, type ModelFacts, type StepPicture } from '../protocol.ts'
import { gammasAgain, type Run, runs } from '../runs.ts'
import { className, count, gamma, label, modelFacts, seed, steps } from '../settings.ts'
import { ClassPicker } from './class-picker.tsx'
import { cellPixels, cellProbabilities, noisePixels, pullPixels } from './frame-pixels.ts'
import { GammaSlider } from './gamma-slider.tsx'
import { focus, moment } from './instrument-moment.ts'
import { Picture } from './picture.tsx'
import { Probabilities } from './probabilities.tsx'
import { ProblemPanel } from './problem-panel.tsx'
import { RunSettings } from './run-settings.tsx'
import { SampleButton } from './sample-button.tsx'
import { Samples } from './samples.tsx'
import { Share } from './share.tsx'
import { Timeline } from './timeline.tsx'
import { TracePlot } from './trace-plot.tsx'

/** Whether the page is as narrow as a phone: what sets the pictures going follows them there, in the document too. */
const phone = matchMedia('(max-width: 599px)')
const onPhone = signal(phone.matches)
phone.addEventListener('change', () => {
  onPhone.value = phone.matches
})

/** The first figure: one noise, left alone and guided, and everything that happens on the way. */
export function Instrument() {
  const which = Math.min(focus.value, count.value - 1)
  const run = runOf(which)
  const made = run?.steps.length ?? 0
  const wanted = moment.value === 'live' ? made : Math.min(moment.value, made)
  // the last one that there is a picture of
  const frame = run?.frames.findLast(({ index }) => index < wanted)
  const at = frame ? frame.index + 1 : 0
  const facts = run?.model ?? modelFacts.value
  const guidesNext = isGuided(modelFacts.value)
  const noise = () => noisePixels(seed.value, which, modelFacts.value.shape)
  const picture = (cell: number) => (frame ? cellPixels(frame.x, cell, facts.shape) : noise())
  const foreseen = (cell: number) => frame && cellPixels(frame.xStart, cell, facts.shape)
  const { free, guided } = pairCells(run?.plan ?? pairPlan(), which)
  const guides = isGuided(facts)
  const likely = (cell: number) =>
    frame && frame.probabilities.length > 0 ? cellProbabilities(frame, cell, facts.classes) : undefined
  const wantedClass = run?.plan.cells[0]?.label ?? label.value
  const name = className(facts, wantedClass)
  const alone = guides ? 'left alone' : 'unguided'
  const title = guides ? 'Left alone' : facts.classes > 0 ? name : 'Sampled'
  const pull = frame && pullPixels(frame, guided, facts.shape)
  return (
    <section
      class="figure instrument"
      id="figure-pair"
      aria-label={guides ? 'Sampling, alone and guided' : 'Sampling'}
    >
      <ProblemPanel figure="pair" again={() => begin(gammasAgain('pair'))} />
      <div class="stage">
        <div class={guides ? 'pair' : 'pair single'}>
          <figure class="view">
            <Picture pixels={picture(free)} label={spoken(alone, frame)} tone="free" />
            <div class="side">
              <Picture pixels={foreseen(free)} label={`Predicted picture, ${alone}`} empty={<i>x̂₀</i>} />
              {guides && <Picture pixels={undefined} label="No pull" empty="no pull" />}
            </div>
            <figcaption>
              <b class="free">{title}</b> <span>{verdict(facts, likely(free))}</span>
            </figcaption>
          </figure>
          {guides && (
            <figure class="view">
              <Picture
                pixels={picture(guided)}
                label={spoken(`guided towards ${name}`, frame)}
                tone="guided"
              />
              <div class="side">
                <Picture pixels={foreseen(guided)} label="Predicted picture, guided" empty={<i>x̂₀</i>} />
                <Picture
                  pixels={pull}
                  label="The pull of the classifier on each pixel: blue darker, orange brighter"
                  empty="pull"
                />
              </div>
              <figcaption>
                <b class="guided">
                  Guided, <i>γ</i> = {(frame?.gamma ?? gamma.value).toFixed(1)}
                </b>{' '}
                <span>{verdict(facts, likely(guided))}</span>
              </figcaption>
            </figure>
          )}
        </div>
        <Timeline made={made} total={run?.total ?? steps.value} timestep={frame?.timestep} at={at} />
        <p class="key">
          Large, the noisy picture <i>xₜ</i>. Beside it what the model foresees, <i>x̂₀</i>
          {guides && (
            <>
              , and the pull on each pixel: <span class="brighter">brighter</span>,{' '}
              <span class="darker">darker</span>
            </>
          )}
          .
        </p>
        <Samples run={run} />
      </div>
      <div class="controls">
        {!onPhone.value && <ClassPicker />}
        {guidesNext && <GammaSlider id="gamma" />}
        <SampleButton figure="pair" plan={() => begin()} words="Sample" />
        {onPhone.value && <ClassPicker />}
        <RunSettings />
        <Share run={run} figure="pair" />
      </div>
      {guides && (
        <div class="readings">
          <div class="reading">
            <h2>
              What the classifier reads <small>bar: guided, mark: alone</small>
            </h2>
            <Probabilities model={facts} wanted={wantedClass} free={likely(free)} guided={likely(guided)} />
          </div>
          <div class="reading">
            <h2>
              How sure it is of <i>{name}</i>, step by step
            </h2>
            <TracePlot
              free={traceOf(run, free)}
              guided={traceOf(run, guided)}
              total={run?.total ?? steps.value}
              at={at}
            />
          </div>
        </div>
      )}
    </section>
  )
}

function begin(gammas?: GammaPath) {
  moment.value = 'live'
  return pairPlan(gammas)
}

/** The last run, where it has a picture of this noise: else the noise itself is shown. */
function runOf(noise: number): Run | undefined {
  const run = runs.pair.value
  return run?.plan.cells.some(({ sample }) => sample === noise) ? run : undefined
}

function traceOf(run: Run | undefined, cell: number): number[] {
  if (!run) return []
  const { classes } = run.model
  const wanted = run.plan.cells[cell]?.label ?? 0
  return run.steps
    .filter(({ probabilities }) => probabilities.length > 0)
    .map(({ probabilities }) => probabilities[cell * classes + wanted] as number)
}

function verdict(model: ModelFacts, probabilities: Float32Array | undefined): string {
  if (!probabilities) return ''
  const best = probabilities.reduce((most, p, i) => (p > (probabilities[most] as number) ? i : most), 0)
  return `${className(model, best)}, ${Math.round(100 * (probabilities[best] as number))}%`
}

const spoken = (what: string, frame: StepPicture | undefined) =>
  frame
    ? `Picture ${what}, after step ${frame.index + 1} of ${frame.total}`
    : `Noise, before sampling: ${what}`
