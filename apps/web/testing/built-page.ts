/** The built page in Chromium, for tests: served as a static host would, from a folder of its own below the root. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isolation, patience, type Served, serveFolder } from '@guided-diffusion/browser'
import type { Page } from 'playwright-core'

const built = fileURLToPath(new URL('../dist', import.meta.url))

/** A copy of the build that is served, which tests may change. */
export interface ServedBuild extends Served {
  /** Address of the page. */
  readonly page: string
  /** Path of its files. */
  readonly files: string
}

/** Serves the build under a path. */
export async function serveBuilt({ isolated = true, port = 0 } = {}): Promise<ServedBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-web-'))
  const files = join(folder, 'demo/page')
  await cp(built, files, { recursive: true })
  const served = await serveFolder(folder, { headers: isolated ? isolation : {}, port })
  return {
    ...served,
    page: `${served.address}demo/page/`,
    files,
    close: async () => {
      await served.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Path of the one script of a served build whose name is so. */
export async function buildFile({ files }: ServedBuild, name: RegExp): Promise<string> {
  const all = [...(await readdir(files)), ...(await readdir(join(files, 'assets')))]
  const found = all.filter((each) => name.test(each) && each.endsWith('.js'))
  if (found.length !== 1) throw new Error(`The build has ${found.length} scripts named ${name}.`)
  return join(files, found[0] === 'service-worker.js' ? '' : 'assets', found[0] as string)
}

/** Lets a statement run before all others of a script. */
export async function prepend(script: string, statement: string): Promise<void> {
  await writeFile(script, `${statement};\n${await readFile(script, 'utf8')}`)
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
