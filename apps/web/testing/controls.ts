/** What a reader does on the page. */
import { patience } from '@guided-diffusion/browser'
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
  await wanted.or(alert).first().waitFor({ timeout: patience })
  if (!(await wanted.isVisible())) throw new Error(`The page says: ${await alert.innerText()}`)
}

/** Waits until the part about weights says so. */
export async function says(page: Page, words: string | RegExp): Promise<void> {
  await page.locator('#weights').getByText(words).waitFor()
}

/** The worker that samples, once it was started: the latest, where one before has ended. */
export function sampler(page: Page): Worker {
  const found = page.workers().findLast((worker) => /\/worker-[^/]+\.js$/.test(worker.url()))
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

/** Drops a file of this machine's disk on the heading of the page, as a hand would from a window of files. */
export async function dropFromDisk(page: Page, path: string): Promise<void> {
  const heading = page.getByRole('heading', { level: 1 })
  await heading.scrollIntoViewIfNeeded()
  const box = await heading.boundingBox()
  if (!box) throw new Error('The heading is not seen.')
  const session = await page.context().newCDPSession(page)
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', {
      type,
      x: box.x + box.width / 2,
      y: box.y + box.height / 2,
      data: { items: [], files: [path], dragOperationsMask: 1 },
    })
  }
  await session.detach()
}
