/** What a problem is about: which title it has, which ways on are offered, whether the engine is still good. */
import type { Problem } from './protocol.ts'

/**
 * `file`: weights that cannot be had or used. `misfit`: pictures that the model does not make. `lost`: the device was taken away. `ended`: the worker is gone.
 * `unavailable`: the engine does not run here. `memory`, `numbers`: what they say. `other`: anything else.
 */
export type ProblemKind =
  | 'file'
  | 'misfit'
  | 'lost'
  | 'ended'
  | 'unavailable'
  | 'memory'
  | 'numbers'
  | 'other'

const kinds: Readonly<Record<string, ProblemKind>> = {
  BackendLostError: 'lost',
  BackendUnavailableError: 'unavailable',
  DivergenceError: 'numbers',
  DownloadError: 'file',
  MalformedFileError: 'file',
  ModelConfigError: 'file',
  ModelFileError: 'file',
  NoBackendError: 'unavailable',
  PlanMisfitError: 'misfit',
  RefusedGlobalError: 'file',
  RuntimeLostError: 'lost',
  RuntimeMemoryError: 'memory',
  RuntimeUnavailableError: 'unavailable',
  SourceError: 'file',
  TooLargeError: 'file',
  TruncatedFileError: 'file',
  UndescribedFileError: 'file',
  UnknownArchitectureError: 'file',
  UnknownFormatError: 'file',
  UnsupportedFileError: 'file',
  WeightsMismatchError: 'file',
  WorkerEndedError: 'ended',
}

/** What engines, WebAssembly and arrays say where memory ran out; each browser has its own words. */
const memoryWords =
  /bad_alloc|bad allocation|failed to (re)?allocate|(cannot|can't|could not) allocate|allocation failed|out of (device )?memory|memory access out of bounds|\bOOM\b/i

export function kindOf({ name, message }: Pick<Problem, 'name' | 'message'>): ProblemKind {
  const known = kinds[name]
  if (known) return known
  return memoryWords.test(message) ? 'memory' : 'other'
}

/** Whether an engine that met this problem may go on. Of the others nobody knows in which state they left it. */
export function sparesEngine(problem: Problem): boolean {
  return (
    problem.name === 'AbortError' || ['file', 'misfit', 'unavailable', 'numbers'].includes(kindOf(problem))
  )
}
