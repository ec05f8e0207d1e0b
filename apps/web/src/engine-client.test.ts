import { afterEach, expect, test, vi } from 'vitest'
import { plan } from '../testing/plan.ts'
import type { Listener } from './engine-client.ts'
import type { Report, Request } from './protocol.ts'

/** Stands for the worker: keeps what it is told, and reports what it is made to. */
class FakeWorker {
  static all: FakeWorker[] = []
  readonly told: Request[] = []
  #receive: (event: { data: Report }) => void = () => undefined
  constructor() {
    FakeWorker.all.push(this)
  }
  addEventListener(type: string, receive: (event: { data: Report }) => void) {
    if (type === 'message') this.#receive = receive
  }
  postMessage(request: Request) {
    this.told.push(request)
  }
  terminate() {}
  reports(report: Report) {
    this.#receive({ data: report })
  }
}

const silent = (): Listener => ({ onDone: vi.fn(), onFailed: vi.fn() })

/** The client, as a page that was just opened has it. */
async function client() {
  vi.resetModules()
  FakeWorker.all = []
  vi.stubGlobal('Worker', FakeWorker)
  return import('./engine-client.ts')
}
afterEach(() => {
  vi.unstubAllGlobals()
})

test('a new worker is told all that was said of the runs that wait: the last γ, and which were given up', async () => {
  const { run } = await client()
  run(plan, silent())
  const given = run(plan, silent())
  const moved = run(plan, silent())
  moved.setGamma(5)
  moved.setGamma(9)
  given.abort()
  const [first] = FakeWorker.all
  first?.reports({ type: 'failed', id: 1, problem: { name: 'RuntimeError', message: 'memory' } })
  expect(FakeWorker.all).toHaveLength(2)
  expect(FakeWorker.all[1]?.told).toEqual([
    { type: 'run', id: 2, plan },
    { type: 'abort', id: 2 },
    { type: 'run', id: 3, plan },
    { type: 'gamma', id: 3, gamma: 9 },
  ])
})

test('of a run that is over the worker hears nothing more', async () => {
  const { run } = await client()
  const task = run(plan, silent())
  const [worker] = FakeWorker.all
  worker?.reports({ type: 'done', id: 1, used: [] })
  task.setGamma(9)
  task.abort()
  expect(worker?.told).toEqual([{ type: 'run', id: 1, plan }])
})
