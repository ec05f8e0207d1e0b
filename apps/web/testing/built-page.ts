/** The built page in Chromium, for tests: served as a static host would, from a folder of its own below the root. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isolation, patience, type Served, serveFolder } from '@guided-diffusion/browser'
import type { Page } from 'playwright-core'

const built = fileURLToPath(new URL('../dist', import.meta.url))

/** Serves the build under a path. */
export async function serveBuilt({ isolated = true, port = 0 } = {}): Promise<Served & { page: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-web-'))
  await cp(built, join(folder, 'demo/page'), { recursive: true })
  const served = await serveFolder(folder, { headers: isolated ? isolation : {}, port })
  return {
    ...served,
    page: `${served.address}demo/page/`,
    close: async () => {
      await served.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Waits until a figure has finished, or shows a problem; answers with what stands under its button. */
export async function finished(page: Page, figure = 'pair'): Promise<string> {
  const place = page.locator(`#figure-${figure}`)
  await place
    .locator('.progress', { hasText: /steps in|Stopped|failed/ })
    .or(page.getByRole('alert'))
    .first()
    .waitFor({ timeout: patience })
  return place.locator('.progress').innerText()
}

/** The grey values of a picture: red of each pixel of its canvas. */
export function greyValues(page: Page, name: RegExp): Promise<number[]> {
  return page
    .getByRole('img', { name })
    .first()
    .evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement
      const context = (canvas as HTMLCanvasElement).getContext('2d') as CanvasRenderingContext2D
      return Array.from(context.getImageData(0, 0, width, height).data).filter((_, i) => i % 4 === 0)
    })
}
