/** What a reader does on the page. */
import type { Page, Worker } from 'playwright-core'

/** Samples the first figure in some steps. */
export async function sample(page: Page, steps: number): Promise<void> {
  await page.getByRole('combobox', { name: 'Steps' }).selectOption(String(steps))
  await page.getByRole('button', { name: 'Sample', exact: true }).click()
}

export async function chooseEngine(page: Page, engine: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Compute with' }).selectOption(engine)
}

/** Waits until the line under the button of the first figure reads so; a problem that is shown instead is an error. */
export async function reads(page: Page, words: RegExp): Promise<void> {
  const wanted = page.locator('.instrument .progress', { hasText: words })
  const alert = page.locator('#figure-pair').getByRole('alert')
  await wanted.or(alert).first().waitFor({ timeout: 50_000 })
  if (!(await wanted.isVisible())) throw new Error(`The page says: ${await alert.innerText()}`)
}

/** The worker that samples, once it was started. */
export function sampler(page: Page): Worker {
  const found = page.workers().find((worker) => /\/worker-[^/]+\.js$/.test(worker.url()))
  if (!found) throw new Error(`The page has no sampler among ${page.workers().map((each) => each.url())}.`)
  return found
}

/** Drops a file on the heading of the page. */
export async function dropFile(page: Page, name: string, bytes: Buffer): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ([fileName, text]) => {
      const transfer = new DataTransfer()
      const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
      transfer.items.add(new File([content], fileName))
      return transfer
    },
    [name, bytes.toString('base64')] as const,
  )
  await page.getByRole('heading', { level: 1 }).dispatchEvent('drop', { dataTransfer })
}
