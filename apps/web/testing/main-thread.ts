/** What a page's main thread is busy with, from Chromium's trace. */
import type { Browser, Page } from 'playwright-core'

/** A task of the main thread, in milliseconds. */
export interface MainThreadTask {
  /** By the clock: longer where other programs want the processor too. */
  readonly duration: number
  /** Of the processor: what the task itself needs, however busy the machine is. */
  readonly processor: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly tdur?: number
}

const mark = 'the tasks of this thread'

/** The tasks that a page's main thread runs while something happens. */
export async function mainThreadTasks(
  browser: Browser,
  page: Page,
  happens: () => Promise<void>,
): Promise<readonly MainThreadTask[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'blink.user_timing', 'devtools.timeline'] })
  let trace: Buffer
  try {
    await page.evaluate((name) => performance.mark(name), mark)
    await happens()
  } finally {
    trace = await browser.stopTracing()
  }
  const { traceEvents: events } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  const marked = events.find(({ name }) => name === mark)
  if (!marked) throw new Error('The trace holds no mark of the page.')
  return events
    .filter(
      ({ name, ph, pid, tid }) => pid === marked.pid && tid === marked.tid && ph === 'X' && isTask(name),
    )
    .map(({ dur = 0, tdur = 0 }) => ({ duration: dur / 1000, processor: tdur / 1000 }))
}

const isTask = (name: string) => name === 'RunTask' || name.endsWith('::RunTask')
