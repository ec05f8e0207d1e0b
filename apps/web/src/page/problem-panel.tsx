import type { Figure } from '../link.ts'
import type { EngineChoice, RunPlan } from '../plan.ts'
import { kindOf } from '../problem-kinds.ts'
import type { Problem } from '../protocol.ts'
import { problem, runs, start } from '../runs.ts'
import { count, engine, engineFacts, takeBuiltIn } from '../settings.ts'

/** What went wrong in a figure, and ways to go on. */
export function ProblemPanel({ figure, again }: { figure: Figure; again: () => RunPlan }) {
  const found = problem.value
  if (found?.figure !== figure) return null
  /** The button that was pressed is gone with the panel: the keyboard goes on from the figure's own. */
  const close = () => {
    problem.value = undefined
    document.querySelector<HTMLElement>(`#figure-${figure} .primary`)?.focus()
  }
  return (
    <div class="problem" role="alert">
      <p class="title">{titles[kindOf(found)]}</p>
      <p>{found.message}</p>
      {found.advice && <p>{found.advice}</p>}
      <div class="ways">
        {waysOn(found).map(({ words, act }) => (
          <button
            type="button"
            class="quiet"
            key={words}
            onClick={() => {
              act()
              close()
              start(figure, again())
            }}
          >
            {words}
          </button>
        ))}
        <button type="button" class="quiet" onClick={close}>
          Close
        </button>
      </div>
    </div>
  )
}

const titles = {
  ended: 'The sampler ended',
  file: 'These weights can’t be used',
  misfit: 'This model makes other pictures',
  lost: 'The graphics device was taken away',
  memory: 'Not enough memory',
  numbers: 'The numbers grew out of bounds',
  other: 'Sampling failed',
  unavailable: 'This engine does not run here',
} as const

interface Way {
  readonly words: string
  readonly act: () => void
}

/** Engines that run where WebGPU does not. */
const elsewhere: readonly { readonly words: string; readonly choice: EngineChoice }[] = [
  { words: 'Use WebAssembly', choice: 'wasm' },
  { words: 'Use ONNX Runtime', choice: 'onnx-wasm' },
]

function waysOn(found: Problem & { readonly figure: Figure }): Way[] {
  const again: Way = { words: 'Try again', act: () => undefined }
  const fewer: Way = {
    words: 'Sample one picture',
    act: () => {
      count.value = 1
    },
  }
  const bundled: Way = { words: 'Use the built-in model', act: takeBuiltIn }
  // the engine of the run that failed, which may have ended before it said that it is ready
  const chosen = runs[found.figure].value?.plan.engine ?? engine.value
  const failed = chosen === 'auto' ? engineFacts.value?.name : chosen
  const others = elsewhere
    .filter(({ choice }) => choice !== failed)
    .map(
      ({ words, choice }): Way => ({
        words,
        act: () => {
          engine.value = choice
        },
      }),
    )
  switch (kindOf(found)) {
    case 'file':
      return [bundled, again]
    case 'lost':
    case 'unavailable':
      return [...others, again]
    case 'memory':
      return found.figure === 'pair' && count.value > 1 ? [fewer, again] : [again, bundled]
    default:
      return [again, ...others]
  }
}
