/** The fastest of several backends, by a short measurement that is made once. */
import * as tf from '@tensorflow/tfjs-core'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError, NoBackendError } from './errors.ts'
import { type BackendReport, startBackend } from './start-backend.ts'

/** Where a choice is remembered: `localStorage`, or anything of this form. */
export type ChoiceStorage = Pick<Storage, 'getItem' | 'setItem'>

export interface FastestBackendOptions {
  /**
   * What is timed: it runs on the backend that is current, and is done when it is fulfilled. Gets the driver's name.
   *
   * @default a convolution of two images of 28×28 with 64 channels, and its gradient
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

/** What is stored. A choice among other drivers does not count. */
interface Choice {
  readonly among: string
  readonly name: string
  readonly reason: string
}

const key = 'guided-diffusion:fastest-backend'

/**
 * Times each driver that can run and starts the fastest. What it found is remembered, so that the next start measures
 * nothing; where the remembered one no longer starts, it measures anew. Tensors of backends that were started here do not
 * outlive the measurement.
 *
 * @example
 * const backend = await fastestBackend([webgpu(), wasm()])
 * console.log(backend.name, backend.reason)
 *
 * @throws NoBackendError with every reason if none can run.
 */
export async function fastestBackend(
  drivers: readonly BackendDriver[],
  { work = convolution, storage = localStorageIfAny() }: FastestBackendOptions = {},
): Promise<FastestBackend> {
  const among = drivers.map(({ name }) => name).join(' ')
  const known = recall(storage, among)
  const again = known && (await startOne(drivers.find(({ name }) => name === known.name)))
  if (known && again && !(again instanceof BackendUnavailableError))
    return { ...again, reason: `Remembered: ${known.reason}`, seconds: {} }

  const { seconds, skipped } = await measure(drivers, work)
  const ranking = Object.entries(seconds).sort(([, a], [, b]) => a - b)
  const fastest = drivers.find(({ name }) => name === ranking[0]?.[0])
  if (!fastest) throw new NoBackendError({ tried: skipped })
  const report = await startBackend([fastest])
  const reason = sentence(ranking, skipped)
  remember(storage, { among, name: fastest.name, reason })
  return { ...report, skipped, reason, seconds }
}

/** Starts each driver and times the work on it. */
async function measure(drivers: readonly BackendDriver[], work: (driver: string) => Promise<void>) {
  const skipped: BackendUnavailableError[] = []
  const seconds: Record<string, number> = {}
  for (const driver of drivers) {
    const started = await startOne(driver)
    if (started instanceof BackendUnavailableError) skipped.push(started)
    else seconds[driver.name] = await time(() => work(driver.name))
  }
  return { seconds, skipped }
}

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

/** What sampling with guidance does most. */
async function convolution(): Promise<void> {
  const gradient = tf.tidy(() => {
    const filter = tf.fill<tf.Rank.R4>([3, 3, 64, 64], 0.01)
    return tf.grad((x) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'))))(
      tf.ones([2, 28, 28, 64]),
    )
  })
  await gradient.data()
  gradient.dispose()
}

function sentence(
  ranking: readonly (readonly [string, number])[],
  skipped: readonly BackendUnavailableError[],
): string {
  const times = ranking.map(([name, seconds]) => `${name} ${(seconds * 1000).toPrecision(3)} ms`)
  const reasons = skipped.map(({ backend, reason }) => `${backend}: ${reason}`)
  const found = ranking.length === 1 ? `${ranking[0]?.[0]} alone runs here` : `${times.join(', ')}`
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

function recall(storage: ChoiceStorage | undefined, among: string): Choice | undefined {
  try {
    const choice = JSON.parse(storage?.getItem(key) ?? 'null') as Choice | null
    return choice?.among === among ? choice : undefined
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
