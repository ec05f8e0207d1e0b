import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBackend } from '@guided-diffusion/backends'
import { wasm } from '@guided-diffusion/backends/wasm'
import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserForTests, launchBrowser, openPage } from './chromium.ts'
import { sampleEmbedded } from './page/sampling.ts'
import { serveFolder } from './serve.ts'

const path = browserForTests()
const root = fileURLToPath(new URL('../../', import.meta.url))
const cdn = 'https://cdn.jsdelivr.net/npm/'

describe.skipIf(!path)('the production build of the example', () => {
  let browser: Browser
  let expected: number[]
  beforeAll(async () => {
    browser = await launchBrowser(path as string)
    await startBackend([wasm()])
    expected = (await sampleEmbedded({ labels: [7, 8, 9], steps: 2 })).pixels
  })
  afterAll(() => browser?.close())

  test.each([
    ['vite', 'examples/vite/dist', 'wasm', /on WebAssembly with SIMD, /],
    ['vite', 'examples/vite/dist', 'onnx', /on ONNX Runtime 1\.\d+\.\d+, WebAssembly, \d+ threads$/],
    ['webpack', 'examples/webpack', 'wasm', /on WebAssembly with SIMD, /],
    ['webpack', 'examples/webpack', 'onnx', /on ONNX Runtime 1\.\d+\.\d+, WebAssembly, \d+ threads$/],
    ['cdn', 'examples/cdn', 'wasm', /on WebAssembly with SIMD, /],
  ])('%s samples on %s, %s', async (_, folder, engine, status) => {
    const served = await serveFolder(join(root, folder))
    const { page, problems } = await openPage(browser, 'about:blank')
    await page.route(`${cdn}**`, publishedFile)
    await page.goto(`${served.address}?engine=${engine}&steps=2`)
    const text = page.locator('#status')
    await page.waitForFunction(() => /Done|Failed/.test(document.querySelector('#status')?.textContent ?? ''))
    expect(await text.textContent()).toMatch(status)
    expect(problems).toEqual([])
    const shown = await pixelsOf(page)
    expect(shown).toHaveLength(expected.length)
    expect(
      Math.max(...shown.map((value, i) => Math.abs(value - ((expected[i] as number) + 1) * 127.5))),
    ).toBeLessThan(1)
    await page.close()
    await served.close()
  })
})

/** What the canvases of the page show, 0 to 255. */
const pixelsOf = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('canvas')].flatMap((canvas) => {
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
        0,
        0,
        canvas.width,
        canvas.height,
      )
      return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] as number)
    }),
  )

/** Answers for the CDN: the packages of the workspace and what is installed beside them, under published addresses. */
async function publishedFile(route: Route): Promise<void> {
  const [, name = '', version = '', file = ''] =
    /^((?:@[^/]+\/)?[^@/]+)@([^/]+)\/(.+)$/.exec(route.request().url().slice(cdn.length)) ?? []
  const folder = [
    join(root, 'packages', name.replace('@guided-diffusion/', '')),
    join(root, 'tooling/browser/node_modules', name),
    join(root, 'packages/checkpoints/node_modules', name),
  ].find((place) => existsSync(place))
  const place = join(folder ?? root, file)
  if (!folder || !existsSync(place) || version !== (await versionIn(folder)))
    return route.fulfill({ status: 404 })
  await route.fulfill({
    body: await readFile(place),
    contentType: file.endsWith('.wasm') ? 'application/wasm' : 'text/javascript',
    headers: { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' },
  })
}

/** The version of the package in a folder: addresses of another one are not those of what is tested. */
async function versionIn(folder: string): Promise<string> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')).version
}
