/** How many graphs ONNX Runtime is given on a page. */
import type { Page } from 'playwright-core'
import { sampler } from './controls.ts'

/** Counts the graphs from now on: each comes with its weights, of which the library keeps a list by their names. */
export async function countGraphs(page: Page): Promise<() => Promise<number>> {
  const worker = sampler(page)
  await worker.evaluate(() => {
    const counted = { graphs: 0 }
    const set = Map.prototype.set
    Map.prototype.set = function (key: unknown, value: unknown) {
      if (key === '0.bin') counted.graphs++
      return set.call(this, key, value)
    }
    Object.assign(globalThis, { counted })
  })
  return () =>
    worker.evaluate(() => (globalThis as unknown as { counted: { graphs: number } }).counted.graphs)
}
