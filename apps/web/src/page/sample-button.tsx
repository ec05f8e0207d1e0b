import type { Figure } from '../link.ts'
import { builtIn, type RunPlan } from '../plan.ts'
import { active, problem, runs, start, stop } from '../runs.ts'
import { engineFacts, model } from '../settings.ts'
import { loadingWords } from './loading-words.ts'

/** Starts and stops a figure, and says under the button how far it is. */
export function SampleButton({
  figure,
  plan,
  words,
  disabled = false,
}: {
  figure: Figure
  plan: () => RunPlan
  words: string
  disabled?: boolean
}) {
  const run = runs[figure].value
  const busy = active.value === figure
  const share = !busy || !run ? 0 : run.steps.length / run.total
  return (
    <div class="action">
      <button
        type="button"
        class={`primary ${busy ? 'busy' : ''}`}
        style={{ '--share': share }}
        disabled={disabled && !busy}
        onClick={() => (busy ? stop() : start(figure, plan()))}
      >
        {busy ? 'Stop' : words}
      </button>
      <p class="progress">{stateWords(figure)}</p>
    </div>
  )
}

function stateWords(figure: Figure): string {
  const run = runs[figure].value
  if (!run) {
    if (engineFacts.value) return ''
    return `The first time loads ${model.value.denoiser === builtIn ? '8 MB of weights' : 'the weights'}.`
  }
  const { status, loading, steps, total } = run
  switch (status) {
    case 'loading':
      return loading ? loadingWords(loading) : 'Waiting for the sampler.'
    case 'sampling':
      return `Step ${steps.length} of ${total}${pace(steps.at(-1)?.took)}`
    case 'done':
      return `${total} ${total === 1 ? 'step' : 'steps'} in ${seconds(steps.reduce((sum, { took }) => sum + took, 0))}`
    case 'stopped':
      if (steps.length > 0) return `Stopped after step ${steps.length} of ${total}.`
      return problem.value?.figure === figure ? '' : 'Stopped.'
  }
}

const pace = (took = 0) => (took >= 1000 ? `, ${seconds(took)} each` : `, ${Math.round(took)} ms each`)
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`
