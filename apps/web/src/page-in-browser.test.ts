import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { startBackend } from '@guided-diffusion/backends'
import { wasm } from '@guided-diffusion/backends/wasm'
import { patience } from '@guided-diffusion/browser'
import { loadClassifier } from '@guided-diffusion/classifier'
import { describedDiffusion, generate } from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { decode } from 'fast-png'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { answering } from '../testing/answering.ts'
import { finished, greyValues, serveBuilt } from '../testing/built-page.ts'
import { chooseEngine, reads, sample, sampler } from '../testing/controls.ts'
import { countGraphs } from '../testing/graphs.ts'
import { mainThreadTasks } from '../testing/main-thread.ts'
import { farthest } from '../testing/networks.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'
import { toBytes } from './pixels.ts'

/** What the page should show: one noise alone and guided, sampled in Node. */
async function sampledInNode(steps: number, label: number, gamma: number): Promise<Uint8Array[]> {
  await startBackend([wasm()])
  const unet = await loadUNet(pretrained.denoiser)
  const classifier = await loadClassifier(pretrained.classifier)
  const images = await generate({
    diffusion: describedDiffusion(pretrained.diffusion, `ddim${steps}`),
    denoiser: unconditional(unet),
    guidance: classifierGuidance(classifier, { scale: [0, gamma] }),
    shape: pretrained.shape,
    labels: [label, label],
    samples: [0, 0],
    seed: 7,
  })
  const bytes = toBytes(await images.data<'float32'>())
  images.dispose()
  unet.dispose()
  classifier.dispose()
  return [bytes.subarray(0, 784), bytes.subarray(784)]
}

describe.skipIf(!browserPath)('the page in Chromium', () => {
  const pages = pagesForTests()

  test('samples by click what Node samples, and leaves the main thread free', async () => {
    const expected = await sampledInNode(5, 8, 4)
    await pages.withPage('', async (page, problems) => {
      await page.locator('label', { hasText: 'bag' }).click()
      const tasks = await mainThreadTasks(pages.browser, page, async () => {
        await sample(page, 5)
        await reads(page, /^5 steps in/)
      })
      expect(
        farthest(await greyValues(page, /left alone, after step 5/), expected[0] as Uint8Array),
      ).toBeLessThan(3)
      expect(
        farthest(await greyValues(page, /guided towards bag, after/), expected[1] as Uint8Array),
      ).toBeLessThan(3)
      // no task is a long one; by the clock it may be, where other programs have the processor meanwhile
      const longest = Math.max(...tasks.map(({ processor }) => processor))
      const slowest = Math.max(...tasks.map(({ duration }) => duration))
      console.info(
        `main thread while sampling: ${tasks.length} tasks, longest ${longest.toFixed(1)} ms of the processor, ${slowest.toFixed(1)} ms by the clock`,
      )
      expect(longest).toBeGreaterThan(0)
      expect(longest).toBeLessThan(50)
      expect(problems).toEqual([])
    })
  })

  test('takes a γ that is moved while a picture forms, and links to it', async () => {
    await pages.withPage('', async (page) => {
      await sample(page, 25)
      await reads(page, /^Step ([2-9]|\d\d) of/)
      await page.locator('#gamma').fill('9')
      await reads(page, /^25 steps in/)
      const before = await greyValues(page, /guided towards sneaker, after step 25/)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      // wherever it was by then, neither at the beginning nor at the end
      expect(page.url()).toMatch(/gamma=4,([2-9]|1\d|2[0-4]):9&/)
      await page.reload()
      await reads(page, /^25 steps in/)
      expect(farthest(await greyValues(page, /guided towards sneaker, after step 25/), before)).toBeLessThan(
        2,
      )
    })
  })

  test('takes a γ that is moved while the picture waits for its turn, from the first step on', async () => {
    const [, expected] = await sampledInNode(5, 7, 9)
    const waiting: ServerResponse[] = []
    const server = await answering((_, response) => void waiting.push(response))
    await pages.withPage('', async (page) => {
      // weights that do not come yet keep the worker busy
      await page
        .getByRole('textbox', { name: 'Address of a denoiser' })
        .fill(`${server.address}late.safetensors`)
      await page.getByRole('button', { name: 'Load', exact: true }).click()
      await expect.poll(() => waiting.length, { timeout: patience }).toBe(1)
      await sample(page, 5)
      await page.locator('#gamma').fill('9')
      waiting[0]?.writeHead(404).end()
      await reads(page, /^5 steps in/)
      const pixels = await greyValues(page, /guided towards sneaker, after step 5/)
      expect(farthest(pixels, expected as Uint8Array)).toBeLessThan(3)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toMatch(/gamma=9&/)
    })
    server.close()
  })

  test('the engine that was measured is remembered, and measured again at a click', async () => {
    await pages.withPage('#engine=wasm&steps=5', async (page) => {
      await reads(page, /^5 steps in/)
      // the software adapter, which is not measured, passes for a card
      await sampler(page).evaluate(() =>
        Object.defineProperty(GPUAdapter.prototype, 'info', {
          value: { vendor: 'somebody', architecture: 'something', description: '', device: '' },
        }),
      )
      const panel = page.locator('#weights .panel', { hasText: 'Compute with' })
      const again = panel.getByRole('button', { name: 'Measure again' })
      const samplesOn = async (engine: string, words: RegExp) => {
        await chooseEngine(page, engine)
        await sample(page, 5)
        await panel.getByText(words).waitFor()
        await reads(page, /^5 steps in/)
      }
      expect(await again.count()).toBe(0)
      await samplesOn('auto', /Chosen between WebGPU and WebAssembly\. (webgpu|wasm) [\d.e+]+ ms, /)
      await samplesOn('wasm', /It was chosen by hand/)
      expect(await again.count()).toBe(0)
      await samplesOn('auto', /Chosen between WebGPU and WebAssembly\. Remembered: (webgpu|wasm) /)
      await again.click()
      await panel.getByText('Starts with the next picture.').waitFor()
      expect(await page.evaluate(() => localStorage.getItem('fastest-engine'))).toBeNull()
      await samplesOn('auto', /Chosen between WebGPU and WebAssembly\. (webgpu|wasm) [\d.e+]+ ms, /)
      expect(await page.evaluate(() => localStorage.getItem('fastest-engine'))).toMatch(/"place"/)
    })
  })

  test('stops at a click, and samples again afterwards', async () => {
    await pages.withPage('', async (page, problems) => {
      await sample(page, 100)
      await reads(page, /^Step \d/)
      await page.getByRole('button', { name: 'Stop' }).click()
      await reads(page, /^Stopped after step \d+ of 100/)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(problems).toEqual([])
    })
  })

  test('shows one of the pictures that there are, also when there are fewer than before', async () => {
    await pages.withPage('#count=3&steps=5', async (page) => {
      await reads(page, /^5 steps in/)
      await page.getByRole('radio', { name: 'Noise 3 of 3' }).check({ force: true })
      const third = await greyValues(page, /guided towards sneaker, after step 5/)
      await page.getByRole('combobox', { name: 'Pictures' }).selectOption('1')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      const first = await greyValues(page, /guided towards sneaker, after step 5/)
      expect(farthest(first, third)).toBeGreaterThan(30)
    })
  })

  test('says which seeds there are where one is typed that is none, and keeps the one before', async () => {
    await pages.withPage('', async (page, problems) => {
      const seed = page.getByRole('spinbutton', { name: 'Seed' })
      const hint = page.locator('.seed').getByRole('alert')
      for (const typed of ['4294967296', '1.5', '-1', '']) {
        await seed.fill(typed)
        expect(await hint.innerText()).toBe('A whole number from 0 to 4294967295. 7 stays.')
        expect(await seed.getAttribute('aria-invalid')).toBe('true')
        // it can be typed on
        expect(await seed.inputValue()).toBe(typed)
        await seed.blur()
        expect(await seed.inputValue()).toBe('7')
        expect(await hint.count()).toBe(0)
        expect(await seed.getAttribute('aria-invalid')).toBeNull()
      }
      await seed.fill('5000000000')
      await seed.fill('12')
      expect(await hint.count()).toBe(0)
      await seed.blur()
      expect(await seed.inputValue()).toBe('12')
      expect(problems).toEqual([])
    })
  })

  test('saves all pictures of a run as one, noise by noise, and says where it could not', async () => {
    await pages.withPage('#steps=5&count=2', async (page, problems) => {
      await reads(page, /^5 steps in/)
      const save = page.locator('#figure-pair').getByRole('button', { name: 'Save PNG' })
      const [download] = await Promise.all([page.waitForEvent('download'), save.click()])
      expect(download.suggestedFilename()).toBe('guided-sneaker-7.png')
      const { width, height, data, channels } = decode(await readFile(await download.path()))
      // two noises below each other, alone and guided beside each other, each pixel as 5 × 5
      const [scale, gap] = [5, 4]
      expect([width, height]).toEqual([2 * 28 * scale + gap, 2 * 28 * scale + gap])
      const saved = (row: number, column: number) =>
        Array.from({ length: 784 }, (_, i) => {
          const y = row * (28 * scale + gap) + Math.floor(i / 28) * scale
          const x = column * (28 * scale + gap) + (i % 28) * scale
          return data[(y * width + x) * channels] as number
        })
      expect(saved(0, 0)).toEqual(await greyValues(page, /left alone, after step 5/))
      expect(saved(0, 1)).toEqual(await greyValues(page, /guided towards sneaker, after step 5/))
      expect(farthest(saved(1, 0), saved(0, 0))).toBeGreaterThan(50)
      expect(farthest(saved(1, 1), saved(0, 1))).toBeGreaterThan(50)

      await page.evaluate(() => {
        HTMLCanvasElement.prototype.toBlob = (call) => call(null)
      })
      await save.click()
      await page
        .locator('#figure-pair')
        .getByText(/^Nothing is saved: The browser could not write/)
        .waitFor()
      expect(problems).toEqual([])
    })
  })

  test('promises 8 MB of weights for the built-in model alone', async () => {
    await pages.withPage('', async (page) => {
      await reads(page, /^The first time loads 8 MB of weights\.$/)
    })
  })

  test('samples again on ONNX Runtime without another graph, and makes what a fresh page makes', async () => {
    const engine = 'engine=onnx-wasm&steps=5'
    const second = 'class=3&gamma=9&seed=11'
    const both = async (page: Page) => [
      await greyValues(page, /left alone, after step 5/),
      await greyValues(page, /guided towards dress, after step 5/),
    ]
    let expected: number[][] = []
    await pages.withPage(`#${engine}&${second}`, async (page) => {
      await reads(page, /^5 steps in/)
      expected = await both(page)
    })
    await pages.withPage(`#${engine}`, async (page, problems) => {
      await reads(page, /^5 steps in/)
      const graphs = await countGraphs(page)
      await page.locator('label.class', { hasText: 'dress' }).click()
      await page.locator('#gamma').fill('9')
      await page.getByRole('spinbutton', { name: 'Seed' }).fill('11')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await both(page)).toEqual(expected)
      expect(await graphs()).toBe(0)
      // a form of its own has a graph of its own
      await page.getByRole('combobox', { name: 'Sampler' }).selectOption('ddpm')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await graphs()).toBe(1)
      expect(problems).toEqual([])
    })
  })

  test('follows what is painted, and holds on to what is to stay', async () => {
    await pages.withPage('', async (page, problems) => {
      const easel = page.locator('#figure-paint')
      const pictures = async () => {
        expect(await finished(page, 'paint')).toMatch(/^10 steps in/)
        const [without, wished] = await Promise.all(
          [/without the wish/, /with the wish/].map((name) => greyValues(page, name)),
        )
        return { without: without as number[], wished: wished as number[] }
      }
      await page.getByRole('combobox', { name: 'Steps' }).selectOption('10')
      await easel.getByRole('slider', { name: 'Strength' }).fill('10')
      await easel.getByRole('button', { name: 'A dark hole' }).click()
      await easel.getByRole('button', { name: 'Sample with this wish' }).click()
      const hole = await pictures()
      const inHole = (i: number) => distanceToMiddle(i) < 4
      const darker = (chosen: (i: number) => boolean) =>
        mean(hole.without, chosen) - mean(hole.wished, chosen)
      expect(mean(hole.without, inHole)).toBeGreaterThan(100)
      expect(mean(hole.wished, inHole)).toBeLessThan(50)
      expect(Math.abs(darker((i) => !inHole(i)))).toBeLessThan(darker(inHole) / 4)

      // the guided picture of one seed is held on to, in a disc, in the picture of another
      await sample(page, 10)
      await reads(page, /^10 steps in/)
      const kept = await greyValues(page, /guided towards sneaker, after step 10/)
      await page.getByRole('spinbutton', { name: 'Seed' }).fill('11')
      await easel.getByRole('button', { name: 'Clear' }).click()
      await easel.getByRole('radio', { name: 'keep' }).check()
      const size = easel.getByRole('slider', { name: 'Size', exact: true })
      await size.fill('5')
      expect(await size.getAttribute('aria-valuetext')).toBe('10 pixels')
      await easel.locator('.paint-canvas').click()
      await easel.getByRole('button', { name: 'Sample with this wish' }).click()
      const disc = await pictures()
      const inDisc = (i: number) => distanceToMiddle(i) < 5
      const misses = (values: readonly number[]) =>
        mean(
          values.map((value, i) => Math.abs(value - (kept[i] as number))),
          inDisc,
        )
      expect(misses(disc.wished)).toBeLessThan(misses(disc.without) / 2)
      expect(problems).toEqual([])
    })
  })

  test('is there without a network, weights and engine and all, on a host that sends no headers', async () => {
    const plain = await serveBuilt({ isolated: false })
    const context = await pages.browser.newContext()
    const page = await context.newPage()
    try {
      await page.goto(plain.page)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await page.locator('#weights').innerText()).toMatch(/7\.8 MB in all/)
      // under the service worker the page is isolated, as threads of WebAssembly need, and what it uses is kept
      await page.reload()
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      await plain.close()
      await page.reload()
      await sample(page, 5)
      await reads(page, /^5 steps in/)
    } finally {
      await context.close()
    }
  })
})

/** Pixels from the middle of a picture of 28 × 28. */
const distanceToMiddle = (place: number) => Math.hypot((place % 28) - 13.5, Math.floor(place / 28) - 13.5)

/** Mean of the values whose place is chosen. */
function mean(values: readonly number[], chosen: (place: number) => boolean): number {
  const some = values.filter((_, place) => chosen(place))
  return some.reduce((sum, value) => sum + value, 0) / some.length
}
