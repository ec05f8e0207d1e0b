/** The page's side of the worker: it starts one when first asked, and a new one where that ended. */
import type { EngineChoice, ModelChoice, RunPlan } from './plan.ts'
import { sparesEngine } from './problem-kinds.ts'
import type { EngineFacts, Loading, ModelFacts, Problem, Report, Request, StepPicture } from './protocol.ts'

export interface Listener {
  readonly onProgress?: (loading: Loading) => void
  readonly onReady?: (model: ModelFacts, engine: EngineFacts) => void
  readonly onStep?: (step: StepPicture) => void
  /** `used`: the addresses of what the worker has fetched since it started. */
  readonly onDone: (used: readonly string[]) => void
  readonly onFailed: (problem: Problem) => void
}

/** A request that is under way. */
export interface Task {
  abort(): void
  setGamma(gamma: number): void
}

let worker: Worker | undefined
let lastId = 0
interface Pending {
  readonly request: Request
  readonly listener: Listener
  /** The last γ that was set since, and whether it was given up: by the type of what was said. */
  readonly since: Map<Request['type'], Request>
}
/** What was asked and is not answered yet. */
const pending = new Map<number, Pending>()

/** Files that were dropped in this visit, by name: a new worker needs them too. */
const files = new Map<string, File>()

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
  files.set(file.name, file)
  worker?.postMessage({ file })
}

/** Forgets which engine was the fastest: it is measured again with the next request. */
export function measureAgain(): void {
  try {
    localStorage.removeItem(choiceKey)
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
  worker?.postMessage({ type: 'measure' } satisfies Request)
}

function send(ask: (id: number) => Request, listener: Listener): Task {
  const id = ++lastId
  const request = ask(id)
  const since: Pending['since'] = new Map()
  pending.set(id, { request, listener, since })
  started().postMessage(request)
  const say = (more: Request) => {
    since.set(more.type, more)
    if (pending.has(id)) worker?.postMessage(more)
  }
  return {
    abort: () => say({ type: 'abort', id }),
    setGamma: (gamma) => say({ type: 'gamma', id, gamma }),
  }
}

function started(): Worker {
  if (worker) return worker
  worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module', name: 'sampler' })
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => receive(data))
  const choice = remembered()
  if (choice !== null) worker.postMessage({ type: 'remembered', choice } satisfies Request)
  for (const file of files.values()) worker.postMessage({ file })
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
  const listener = pending.get(report.id)?.listener
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
      pending.delete(report.id)
      listener.onDone(report.used)
      break
    case 'failed':
      pending.delete(report.id)
      if (!sparesEngine(report.problem)) replaceWorker()
      listener.onFailed(report.problem)
  }
}

/** Whatever the engine has in memory is not to be trusted any more; what waits for its turn goes to a new one. */
function replaceWorker(): void {
  stopWorker()
  for (const { request, since } of pending.values())
    for (const message of [request, ...since.values()]) started().postMessage(message)
}

/** The worker is gone: its code did not load, or the browser ended it. */
function crashed(message: string): void {
  stopWorker()
  const waiting = [...pending.values()]
  pending.clear()
  for (const { listener } of waiting) {
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
