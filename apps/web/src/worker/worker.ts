/** The thread that computes: takes requests of the page one after another and reports. */
import { builtIn, distinctCells, type EngineChoice, type ModelChoice } from '../plan.ts'
import { isGuided, type Loading, problemOf, type Report, type Request } from '../protocol.ts'
import { type Engine, startEngine } from './engine.ts'
import { loadModel, type Model } from './model.ts'
import { requireFit } from './plan-fit.ts'
import { runPlan } from './run.ts'

/** What TypeScript's library for pages lacks of a worker's own scope. */
interface WorkerScope {
  postMessage(report: Report, transfer: Transferable[]): void
  addEventListener(type: 'message', listener: (event: MessageEvent<Request | { file: File }>) => void): void
}
const scope = globalThis as unknown as WorkerScope

const dropped = new Map<string, Blob>()
/** The engine that was the fastest when it was measured. */
let remembered: string | null = null
const storage = {
  getItem: () => remembered,
  setItem: (_: string, choice: string) => {
    remembered = choice
    tell({ type: 'remember', choice })
  },
}
/** What the page may still say of a request: that it is given up, and a γ that was set by hand. */
interface Asked {
  readonly abort: AbortController
  gamma?: number
}
/** By the id of the request, until that is over. */
const asked = new Map<number, Asked>()
let queue: Promise<void> = Promise.resolve()

scope.addEventListener('message', ({ data }) => {
  if ('file' in data) {
    dropped.set(data.file.name, data.file)
    loaded.forget(`file:${data.file.name}`)
  } else if (data.type === 'remembered') {
    remembered = data.choice
  } else if (data.type === 'measure') {
    remembered = null
    loaded.wanted = undefined
  } else if (data.type === 'gamma') {
    const said = asked.get(data.id)
    if (said) said.gamma = data.gamma
  } else if (data.type === 'abort') {
    asked.get(data.id)?.abort.abort()
  } else {
    const said: Asked = { abort: new AbortController() }
    asked.set(data.id, said)
    queue = queue.then(() => answer(data, said))
  }
})

async function answer(request: Extract<Request, { type: 'run' | 'load' }>, said: Asked): Promise<void> {
  const { id } = request
  const { abort } = said
  try {
    abort.signal.throwIfAborted()
    const { model: choice, engine: wanted } = request.type === 'run' ? request.plan : request
    const onProgress = (loading: Loading) => tell({ type: 'progress', id, ...loading })
    const { engine, model } = await loaded.get(wanted, choice, abort.signal, onProgress)
    tell({ type: 'ready', id, model: model.facts, engine: engine.facts })
    if (request.type === 'run') {
      requireFit(request.plan, model.facts)
      onProgress({ stage: 'first step', loaded: 0, total: 0 })
      const live = () => said.gamma
      const onStep: Parameters<typeof runPlan>[1]['onStep'] = (step) =>
        tell({ type: 'step', id, ...step }, [step.x, step.xStart, step.pull, step.probabilities])
      const plan = { ...request.plan, cells: distinctCells(request.plan.cells, isGuided(model.facts)) }
      const run = runPlan(plan, { engine, model, signal: abort.signal, live, onStep })
      await (engine.loss ? Promise.race([run, engine.loss]) : run)
    }
    tell({ type: 'done', id, used: performance.getEntriesByType('resource').map(({ name }) => name) })
  } catch (error) {
    tell({ type: 'failed', id, problem: problemOf(abort.signal.aborted ? error : await causeOf(error)) })
  } finally {
    asked.delete(id)
  }
}

/** Reads of a device that is lost fail too, and may do so well before anybody hears of the loss. */
async function causeOf(error: unknown): Promise<unknown> {
  const { engine } = loaded
  if (engine?.loss) await Promise.race([engine.loss, delay(1000)]).catch(() => undefined)
  return engine?.lost() ?? error
}

const delay = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

function tell(report: Report, arrays: readonly (ArrayBufferView & { buffer: ArrayBufferLike })[] = []): void {
  scope.postMessage(report, arrays.map(({ buffer }) => buffer) as Transferable[])
}

/** The engine and the model that are ready. */
const loaded = {
  engine: undefined as Engine | undefined,
  wanted: undefined as EngineChoice | undefined,
  model: undefined as Model | undefined,
  choice: undefined as ModelChoice | undefined,

  async get(
    wanted: EngineChoice,
    choice: ModelChoice,
    signal: AbortSignal,
    onProgress: (loading: Loading) => void,
  ): Promise<{ engine: Engine; model: Model }> {
    if (!this.engine || this.wanted !== wanted || this.engine.lost()) {
      onProgress({ stage: 'engine', loaded: 0, total: 0 })
      this.drop()
      // where this one does not start, the backend that ran before may be current no more
      this.engine = undefined
      this.wanted = undefined
      this.engine = await startEngine(wanted, storage)
      this.wanted = wanted
    }
    if (!this.model || JSON.stringify(this.choice) !== JSON.stringify(choice)) {
      this.drop()
      this.model = await loadModel(choice, { signal, onProgress, dropped })
      this.choice = choice
    }
    return { engine: this.engine, model: this.model }
  },

  /** Frees the model; what a lost device had of it is gone already. */
  drop(): void {
    if (!this.engine?.lost()) this.model?.dispose()
    this.model = undefined
  },

  /** A file of this name came anew. */
  forget(place: string): void {
    if (this.choice?.denoiser === place || this.choice?.classifier === place)
      this.choice = { denoiser: builtIn + place }
  },
}
