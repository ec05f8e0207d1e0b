/** The fastest of several backends, by a short measurement that is made once. */
import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver } from './driver.ts'
import { engineState, restoreEngine } from './engine-state.ts'
import { asUnavailable, BackendUnavailableError, NoBackendError } from './errors.ts'
import { type BackendReport, startBackend } from './start-backend.ts'
import { timedConvolution } from './timed-convolution.ts'

/** Where a choice is remembered: `localStorage`, or anything of this form. */
export type ChoiceStorage = Pick<Storage, 'getItem' | 'setItem'>

export interface FastestBackendOptions {
  /**
   * What is timed: it runs on the backend that is current, and is done when it is fulfilled. Gets the driver's name. A
   * driver on which it is rejected is skipped, so it may check what it computes; it frees its tensors itself.
   *
   * @default a convolution of two images of 28×28 with 64 channels and its gradient, whose numbers are checked
   */
  readonly work?: (driver: string) => Promise<void>
  /** @default `localStorage` where there is one; workers and Node have none */
  readonly storage?: ChoiceStorage | undefined
}

/** The backend that runs, and how it was found. */
export interface FastestBackend extends BackendReport {
  /** One sentence for people. */
  readonly reason: string
  /** Seconds that the work took, by driver: nothing where nothing was measured. */
  readonly seconds: Readonly<Record<string, number>>
}

/** What is stored. */
interface Choice {
  /** Among which drivers, and under which conditions: under others it does not count. */
  readonly question: string
  /** Which of the drivers: two may have the same name. */
  readonly place: number
  /** Of the backend that was measured: with other threads or another card it does not count. */
  readonly description: string
  readonly reason: string
}

interface Measured {
  readonly driver: BackendDriver
  readonly seconds: number
}

const key = 'guided-diffusion:fastest-backend'

/**
 * Times each driver that can run and starts the fastest. One that starts and then fails at the work, or computes wrong
 * numbers, is skipped. What it found is remembered, so that the next start measures nothing. That counts among the same
 * drivers, with the same version of TensorFlow.js, on a page that is isolated across origins if that one was, and where
 * the remembered one still starts with the same description; else it measures anew. Tensors of backends that were
 * started here do not outlive the measurement.
 *
 * @example
 * const backend = await fastestBackend([webgpu(), wasm()])
 * console.log(backend.name, backend.reason)
 *
 * @throws NoBackendError with every reason if none can run.
 */
export async function fastestBackend(
  drivers: readonly BackendDriver[],
  { work = timedConvolution, storage = localStorageIfAny() }: FastestBackendOptions = {},
): Promise<FastestBackend> {
  const question = questionOf(drivers)
  const known = recall(storage, question)
  const again = known && (await startOne(drivers[known.place]))
  if (
    known &&
    again &&
    !(again instanceof BackendUnavailableError) &&
    again.description === known.description
  )
    return { ...again, reason: `Remembered: ${known.reason}`, seconds: {} }

  const { measured, skipped } = await measure(drivers, work)
  const ranking = measured.toSorted((a, b) => a.seconds - b.seconds)
  const fastest = ranking[0]?.driver
  if (!fastest) throw new NoBackendError({ tried: skipped })
  const report = await startBackend([fastest])
  const reason = sentence(ranking, skipped)
  remember(storage, { question, place: drivers.indexOf(fastest), description: report.description, reason })
  // of two of one name the faster
  const seconds = Object.fromEntries(ranking.toReversed().map((each) => [each.driver.name, each.seconds]))
  return { ...report, skipped, reason, seconds }
}

/** What a choice answers: all that is known before a backend starts and changes which one is the fastest. */
function questionOf(drivers: readonly BackendDriver[]): string {
  const isolated = globalThis.crossOriginIsolated === true
  return JSON.stringify({ drivers: drivers.map(({ name }) => name), tfjs: tf.version_core, isolated })
}

/** Starts each driver and times the work on it; frees those again that fail at it. */
async function measure(drivers: readonly BackendDriver[], work: (driver: string) => Promise<void>) {
  const skipped: BackendUnavailableError[] = []
  const measured: Measured[] = []
  for (const driver of drivers) {
    const before = engineState()
    const started = await startOne(driver)
    if (started instanceof BackendUnavailableError) {
      skipped.push(started)
      continue
    }
    try {
      measured.push({ driver, seconds: await time(() => work(driver.name)) })
    } catch (error) {
      await restoreEngine(before)
      skipped.push(asUnavailable(driver.name, error) ?? failedAtWork(driver.name, error))
    }
  }
  return { measured, skipped }
}

const failedAtWork = (backend: string, cause: unknown) =>
  new BackendUnavailableError({
    backend,
    reason: `it starts and then does not compute (${(cause as Error)?.message ?? cause})`,
    advice: 'Start it alone to see where that comes from.',
    cause,
  })

/** A report, or why there is none. */
async function startOne(
  driver: BackendDriver | undefined,
): Promise<BackendReport | BackendUnavailableError | undefined> {
  if (!driver) return undefined
  try {
    return await startBackend([driver])
  } catch (error) {
    if (error instanceof NoBackendError && error.tried[0]) return error.tried[0]
    throw error
  }
}

/** Enough for a choice, in seconds. */
const budget = 0.5

/** The least of up to five runs after one that compiles. */
async function time(work: () => Promise<void>): Promise<number> {
  await work()
  let least = Infinity
  let spent = 0
  for (let run = 0; run < 5 && spent < budget; run++) {
    const began = performance.now()
    await work()
    const seconds = (performance.now() - began) / 1000
    least = Math.min(least, seconds)
    spent += seconds
  }
  return least
}

function sentence(ranking: readonly Measured[], skipped: readonly BackendUnavailableError[]): string {
  const times = ranking.map(({ driver, seconds }) => `${driver.name} ${(seconds * 1000).toPrecision(3)} ms`)
  const reasons = skipped.map(({ backend, reason }) => `${backend}: ${reason}`)
  const found = ranking.length === 1 ? `${ranking[0]?.driver.name} alone runs here` : times.join(', ')
  return `${[found, ...reasons].join('; ')}.`
}

function localStorageIfAny(): ChoiceStorage | undefined {
  try {
    // pages that may store nothing throw here; Node has it behind a setting
    return typeof window === 'undefined' ? undefined : window.localStorage
  } catch {
    return undefined
  }
}

function recall(storage: ChoiceStorage | undefined, question: string): Choice | undefined {
  try {
    const choice = JSON.parse(storage?.getItem(key) ?? 'null') as Choice | null
    return choice?.question === question ? choice : undefined
  } catch {
    return undefined
  }
}

function remember(storage: ChoiceStorage | undefined, choice: Choice): void {
  try {
    storage?.setItem(key, JSON.stringify(choice))
  } catch {
    // full or forbidden: it is measured again next time
  }
}
