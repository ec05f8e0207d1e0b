import type { Figure } from '../link.ts'
import type { EngineChoice, RunPlan } from '../plan.ts'
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
      <p class="title">{titleOf(found)}</p>
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

const memory = ({ name, message }: Problem) =>
  name === 'RuntimeError' || name === 'TooLargeError' || /memory|allocation/i.test(message)
const device = ({ name }: Problem) =>
  ['BackendUnavailableError', 'NoBackendError', 'RuntimeUnavailableError', 'BackendLostError'].includes(name)
const file = ({ name }: Problem) =>
  [
    'DownloadError',
    'MalformedFileError',
    'ModelFileError',
    'RefusedGlobalError',
    'SourceError',
    'TruncatedFileError',
    'UnknownArchitectureError',
    'UnknownFormatError',
    'UnsupportedFileError',
    'WeightsMismatchError',
  ].includes(name)

function titleOf(found: Problem): string {
  if (found.name === 'BackendLostError') return 'The graphics device was taken away'
  if (memory(found)) return 'Not enough memory'
  if (device(found)) return 'This engine does not run here'
  if (file(found)) return 'These weights can’t be used'
  if (found.name === 'DivergenceError') return 'The numbers grew out of bounds'
  return 'Sampling failed'
}

interface Way {
  readonly words: string
  readonly act: () => void
}

function waysOn(found: Problem): Way[] {
  const again: Way = { words: 'Try again', act: () => undefined }
  const wasm: Way = { words: 'Use WebAssembly', act: () => choose('wasm') }
  const fewer: Way = {
    words: 'Sample one picture',
    act: () => {
      count.value = 1
    },
  }
  if (file(found)) return [{ words: 'Use the built-in model', act: takeBuiltIn }, again]
  const onWasm = (engineFacts.value?.name ?? engine.value) === 'wasm'
  if (device(found)) return onWasm ? [again] : [wasm, again]
  if (memory(found))
    return count.value > 1 ? [fewer, again] : [again, { words: 'Use the built-in model', act: takeBuiltIn }]
  return onWasm ? [again] : [again, wasm]
}

function choose(choice: EngineChoice): void {
  engine.value = choice
}
