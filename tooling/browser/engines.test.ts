import { fileURLToPath } from 'node:url'
import { startBackend } from '@guided-diffusion/backends'
import { wasm } from '@guided-diffusion/backends/wasm'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// @boundaries-ignore the source itself, bundled into the page
import { resultLine } from '../golden/result.ts'
import { browserForTests, launchBrowser, openPage } from './chromium.ts'
import type { EngineName } from './page/engine.ts'
import { type SamplingOptions, sampleEmbedded } from './page/sampling.ts'
import { type Served, serveSource } from './serve.ts'
import { vectorsPlugin } from './vectors-plugin.ts'

const path = browserForTests()

describe.skipIf(!path)('in Chromium', () => {
  let browser: Browser
  let served: Served
  beforeAll(async () => {
    served = await serveSource(fileURLToPath(new URL('./page', import.meta.url)), {
      plugins: [vectorsPlugin(fileURLToPath(new URL('../golden/vectors', import.meta.url)))],
    })
    browser = await launchBrowser(path as string)
  })
  afterAll(async () => {
    await browser?.close()
    await served?.close()
  })

  /** What a function of `page/main.ts` gives; nothing may go wrong beside it. */
  async function inPage<T>(call: (page: Page) => Promise<T>): Promise<T> {
    const { page, problems } = await openPage(browser, served.address)
    await page.waitForFunction(() => 'engines' in globalThis)
    const result = await call(page)
    expect(problems).toEqual([])
    await page.close()
    return result
  }

  // software that stands in for a graphics card takes 15 seconds for a step; ONNX Runtime hands x on in a second one
  describe.each<[EngineName, RegExp, SamplingOptions, number]>([
    ['wasm', /^WebAssembly with SIMD, /, { labels: [7, 2], steps: 3 }, 60],
    ['onnx-wasm', /^ONNX Runtime 1\.\d+\.\d+, WebAssembly, \d+ threads$/, { labels: [7, 2], steps: 3 }, 60],
    ['webgpu', /^WebGPU on google swiftshader \(software\), without float16$/, { labels: [7], steps: 1 }, 5],
    ['onnx-webgpu', /^ONNX Runtime 1\.\d+\.\d+, WebGPU, google swiftshader$/, { labels: [7], steps: 2 }, 5],
  ])('%s', (engine, described, options, fewest) => {
    test('samples the embedded model as Node does', async () => {
      await startBackend([wasm()])
      const expected = await sampleEmbedded(options)
      const { description, pixels } = await inPage((page) =>
        page.evaluate(([name, how]) => globalThis.engines.sample(name, how), [engine, options] as const),
      )
      expect(description).toMatch(described)
      expect(pixels).toHaveLength(options.labels.length * 28 * 28)
      expect(Math.max(...pixels.map(Math.abs))).toBeGreaterThan(0.5)
      expect(
        Math.max(...pixels.map((value, i) => Math.abs(value - (expected.pixels[i] as number)))),
      ).toBeLessThan(1e-3)
    })

    test('gives the golden vectors', async () => {
      const results = await inPage((page) =>
        page.evaluate(([name, only]) => globalThis.engines.golden(name, only), [
          engine,
          goldenCases(engine),
        ] as const),
      )
      // the runner names what no package computes yet
      const others = results.filter(({ name, result }) => result.status !== 'passed' && name !== 'metrics')
      expect(others.map(({ name, result }) => resultLine(name, engine, result))).toEqual([])
      expect(results.length).toBeGreaterThanOrEqual(fewest)
    }, 1_800_000)
  })
})

/** All of them; in software that stands in for a graphics card those that take seconds, unless `GOLDEN=all` is set. */
function goldenCases(engine: EngineName): string {
  return engine.endsWith('webgpu') && process.env.GOLDEN !== 'all' ? onSoftware : ''
}

const onSoftware = 'unet-f|classifier-attention|timestep|likelihoods|process-linear-epsilon-learned$'
