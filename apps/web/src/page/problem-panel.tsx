import type { Figure } from '../link.ts'
import type { EngineChoice, RunPlan } from '../plan.ts'
import { kindOf } from '../problem-kinds.ts'
import type { Problem } from '../protocol.ts'
import { problem, start } from '../runs.ts'
import { count, engine, engineFacts, takeBuiltIn } from '../settings.ts'

/** What went wrong in a figure, and ways to go on. */
export function ProblemPanel({ figure, again }: { figure: Figure; again: () => RunPlan }) {
  const found = problem.value
  if (found?.figure !== figure) return null
  const retry = () => start(figure, again())
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
              retry()
            }}
          >
            {words}
          </button>
        ))}
        <button
          type="button"
          class="quiet"
          onClick={() => {
            problem.value = undefined
          }}
        >
          Close
        </button>
      </div>
    </div>
  )
}

const titles = {
  ended: 'The sampler ended',
  file: 'These weights can’t be used',
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

function waysOn(found: Problem): Way[] {
  const again: Way = { words: 'Try again', act: () => undefined }
  const fewer: Way = {
    words: 'Sample one picture',
    act: () => {
      count.value = 1
    },
  }
  const bundled: Way = { words: 'Use the built-in model', act: takeBuiltIn }
  const kind = kindOf(found)
  // what does not start is what was chosen, whatever ran before
  const failed = (kind !== 'unavailable' && engineFacts.value?.name) || engine.value
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
  switch (kind) {
    case 'file':
      return [bundled, again]
    case 'lost':
    case 'unavailable':
      return [...others, again]
    case 'memory':
      return count.value > 1 ? [fewer, again] : [again, bundled]
    default:
      return [again, ...others]
  }
}
