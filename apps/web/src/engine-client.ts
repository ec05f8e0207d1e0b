/** The page's side of the worker: it starts one when first asked, and a new one where that ended. */
import type { EngineChoice, ModelChoice, RunPlan } from './plan.ts'
import type { EngineFacts, Loading, ModelFacts, Problem, Report, Request, StepPicture } from './protocol.ts'

export interface Listener {
  readonly onProgress?: (loading: Loading) => void
  readonly onReady?: (model: ModelFacts, engine: EngineFacts) => void
  readonly onStep?: (step: StepPicture) => void
  readonly onDone: () => void
  readonly onFailed: (problem: Problem) => void
}

/** A request that is under way. */
export interface Task {
  abort(): void
  setGamma(gamma: number): void
}

let worker: Worker | undefined
let lastId = 0
const listeners = new Map<number, Listener>()

/** Loads a model without sampling. */
export function load(model: ModelChoice, engine: EngineChoice, listener: Listener): Task {
  return send((id) => ({ type: 'load', id, model, engine }), listener)
}

/** Samples. Aborting ends with `onFailed` and an `AbortError`. */
export function run(plan: RunPlan, listener: Listener): Task {
  return send((id) => ({ type: 'run', id, plan }), listener)
}

/** Hands a dropped file over, for plans that name it. */
export function giveFile(file: File): void {
  started().postMessage({ file })
}

function send(request: (id: number) => Request, listener: Listener): Task {
  const id = ++lastId
  listeners.set(id, listener)
  started().postMessage(request(id))
  return {
    abort: () => worker?.postMessage({ type: 'abort', id } satisfies Request),
    setGamma: (gamma) => worker?.postMessage({ type: 'gamma', id, gamma } satisfies Request),
  }
}

function started(): Worker {
  if (worker) return worker
  worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module', name: 'sampler' })
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => receive(data))
  const choice = remembered()
  if (choice !== null) worker.postMessage({ type: 'remembered', choice } satisfies Request)
  worker.addEventListener('error', (event) => {
    event.preventDefault()
    crashed(event.message)
  })
  return worker
}

const choiceKey = 'fastest-engine'

function remembered(): string | null {
  try {
    return localStorage.getItem(choiceKey)
  } catch {
    return null
  }
}

function remember(choice: string): void {
  try {
    localStorage.setItem(choiceKey, choice)
  } catch {
    // a browser that keeps nothing measures at each visit
  }
}

function receive(report: Report): void {
  if (report.type === 'remember') {
    remember(report.choice)
    return
  }
  const listener = listeners.get(report.id)
  if (!listener) return
  switch (report.type) {
    case 'progress':
      listener.onProgress?.(report)
      break
    case 'ready':
      listener.onReady?.(report.model, report.engine)
      break
    case 'step':
      listener.onStep?.(report)
      break
    case 'done':
      listeners.delete(report.id)
      listener.onDone()
      break
    case 'failed':
      listeners.delete(report.id)
      if (endsEngine(report.problem)) stopWorker()
      listener.onFailed(report.problem)
  }
}

/** Errors after which memory of the engine is not to be trusted: a new worker starts clean. */
const endsEngine = ({ name, message }: Problem) =>
  name === 'RuntimeError' || name === 'BackendLostError' || /out of memory|allocation failed/i.test(message)

/** The worker is gone: its code did not load, or the browser ended it. */
function crashed(message: string): void {
  stopWorker()
  const waiting = [...listeners.values()]
  listeners.clear()
  for (const listener of waiting) {
    listener.onFailed({
      name: 'WorkerEndedError',
      message: `The thread that samples ended: ${message || 'its code could not be loaded'}.`,
      advice: 'Check the connection and try again; where memory is short, sample fewer pictures at once.',
    })
  }
}

function stopWorker(): void {
  worker?.terminate()
  worker = undefined
}
