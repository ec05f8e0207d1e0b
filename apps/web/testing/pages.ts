/** The built page in a browser, for a file of tests: opened once for all of them. */
import { browserForTests, launchBrowser, openPage } from '@guided-diffusion/browser'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { serveBuilt } from './built-page.ts'

/** Path of the browser; without one the tests are skipped. */
export const browserPath = browserForTests()

export interface Pages {
  readonly browser: Browser
  /** Address of the page. */
  readonly address: string
  /**
   * Opens the page, or a link to it, and closes it when the action is over. Each is a visitor of its own, who has nothing
   * of the others' caches.
   */
  withPage(hash: string, action: (page: Page, problems: readonly string[]) => Promise<void>): Promise<void>
}

/** Starts browser and server before the tests of a file, and ends both after them. */
export function pagesForTests(): Pages {
  let browser: Browser
  let served: Awaited<ReturnType<typeof serveBuilt>>
  beforeAll(async () => {
    served = await serveBuilt()
    browser = await launchBrowser(browserPath as string)
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })
  return {
    get browser() {
      return browser
    },
    get address() {
      return served.page
    },
    async withPage(hash, action) {
      const { page, problems } = await openPage(browser, served.page + hash)
      try {
        await action(page, problems)
      } finally {
        await page.close()
      }
    },
  }
}
