/** What a page says and reads while it loads weights. */
import type { Page } from 'playwright-core'
import { sampler } from './controls.ts'

/** Collects what the line under the address says: as it is seen, or as it is `announced` to who can't see it. */
export async function statusWords(page: Page, { announced = false } = {}): Promise<() => Promise<string[]>> {
  const line = announced ? '#weights [role=status]' : '#weights p[aria-hidden=true]'
  const name = announced ? 'announced' : 'seen'
  await page.evaluate(
    ([selector, key]) => {
      const words: string[] = []
      Object.assign(globalThis, { [key]: words })
      const look = () => {
        const now = document.querySelector(selector)?.textContent
        if (now && now !== words.at(-1)) words.push(now)
      }
      new MutationObserver(look).observe(document.querySelector('#weights') as Element, {
        subtree: true,
        childList: true,
        characterData: true,
      })
    },
    [line, name] as const,
  )
  return () =>
    page.evaluate((key) => (globalThis as unknown as Record<string, string[]>)[key] as string[], name)
}

/** Watches how many bytes the worker takes from a file, or from an answer of a server, at once. */
export async function largestRead(page: Page): Promise<() => Promise<number>> {
  const worker = sampler(page)
  await worker.evaluate(() => {
    const seen = { largest: 0 }
    for (const { prototype } of [Blob, Response]) {
      const read = prototype.arrayBuffer
      prototype.arrayBuffer = async function () {
        const bytes = await read.call(this)
        seen.largest = Math.max(seen.largest, bytes.byteLength)
        return bytes
      }
    }
    Object.assign(globalThis, { seen })
  })
  return () => worker.evaluate(() => (globalThis as unknown as { seen: { largest: number } }).seen.largest)
}

/** How many megabytes were told of a stage, in order. */
export function loadingMegabytes(words: readonly string[], stage: string): number[] {
  const told = new RegExp(`^${stage} ([\\d.]+) of [\\d.]+ MB`)
  return words.flatMap((each) => told.exec(each)?.[1] ?? []).map(Number)
}
