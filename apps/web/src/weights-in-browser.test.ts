import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serveFolder } from '@guided-diffusion/browser'
import type { DiffusionDescription } from '@guided-diffusion/diffusion'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answering } from '../testing/answering.ts'
import { buildFile, greyValues, prepend, serveBuilt } from '../testing/built-page.ts'
import { dropFile, reads, sample, says } from '../testing/controls.ts'
import { farthest, sampledAlone, sampledTorchFile, torchFile, writeDenoiser } from '../testing/networks.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'
import { largestRead, loadingMegabytes, statusWords } from '../testing/watching.ts'

const diffusion: DiffusionDescription = {
  schedule: 'cosine',
  steps: 1000,
  prediction: 'v',
  variance: 'fixed-small',
}
const config = { size: 16, inChannels: 1, blocks: 1, outChannels: 1 }

/** What servers send whose files pages of other origins may read. */
const shared = { 'Access-Control-Allow-Origin': '*' }

const loadFrom = async (page: Page, address: string) => {
  await page.getByRole('textbox', { name: 'Address of a denoiser' }).fill(address)
  await page.getByRole('button', { name: 'Load', exact: true }).click()
}

describe.skipIf(!browserPath)('weights of the reader’s own', () => {
  const pages = pagesForTests()
  let folder: string
  let small: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-weights-'))
    small = join(folder, 'small.safetensors')
    await writeDenoiser(small, { ...config, channels: 32, multipliers: [1] }, diffusion)
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('come from another server piece by piece, stay for the next visit, and go at a click', async () => {
    const path = join(folder, 'large.safetensors')
    await writeDenoiser(path, { ...config, channels: 160, multipliers: [1, 2] }, diffusion)
    const expected = await sampledAlone(path, { diffusion, steps: 5, shape: [16, 16, 1] })
    const server = await serveFolder(folder, { headers: shared })
    await pages.withPage('', async (page, problems) => {
      await loadFrom(page, `${server.address}small.safetensors`)
      await says(page, 'small.safetensors is ready.')
      const largest = await largestRead(page)
      const seen = await statusWords(page)
      const heard = await statusWords(page, { announced: true })
      await loadFrom(page, `${server.address}large.safetensors`)
      await says(page, 'large.safetensors is ready.')
      // weights go to the engine one after another: the file is never in memory as a whole
      expect(await largest()).toBeGreaterThan(1e6)
      expect(await largest()).toBeLessThan(77e6 / 5)
      const progress = loadingMegabytes(await seen(), 'Loading the denoiser')
      expect(progress.length).toBeGreaterThan(2)
      expect(progress).toEqual(progress.toSorted((a, b) => a - b))
      expect(Math.floor(progress.at(-1) as number)).toBe(77)
      // who listens is told the stages, each once, and not each megabyte
      const announced = await heard()
      expect(announced).toEqual([...new Set(announced)])
      expect(announced).toContain('Loading the denoiser.')
      expect(announced.at(-1)).toBe('large.safetensors is ready.')
      expect(announced.join()).not.toMatch(/MB/)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /unguided, after step 5/), expected)).toBeLessThan(3)
      expect(problems).toEqual([])

      await page.getByRole('button', { name: 'Copy link' }).first().click()
      await server.close()
      await page.reload()
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /unguided, after step 5/), expected)).toBeLessThan(3)
      await page.locator('.shelf').getByText('large.safetensors').waitFor()
      await page.locator('#weights').getByRole('button', { name: 'Clear' }).click()
      await says(page, /^No weights yet/)

      await page.reload()
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(
        /large\.safetensors can't be loaded: the server does not answer/,
      )
    })
  })

  test('are what PyTorch saved, dropped anywhere, once it is said how they were trained', async () => {
    const expected = await sampledTorchFile(5)
    const red = expected.filter((_, i) => i % 3 === 0)
    await pages.withPage('', async (page, problems) => {
      await dropFile(page, 'mine.pt', await readFile(torchFile))
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/What is mine\.pt\?/)
      await alert.getByRole('combobox', { name: 'Image size' }).selectOption('16')
      await alert.getByRole('combobox', { name: 'Noise schedule' }).selectOption('cosine')
      await alert.getByRole('combobox', { name: 'Attention heads' }).selectOption('of 64 channels')
      await alert.getByRole('button', { name: 'Try with these' }).click()
      await alert.getByText('mine.pt can’t be used').waitFor()
      await alert.getByRole('combobox', { name: 'Attention heads' }).selectOption('1 head')
      await alert.getByRole('button', { name: 'Try with these' }).click()
      await says(page, 'mine.pt is ready.')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /unguided, after step 5/), red)).toBeLessThan(3)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toMatch(/model=file:mine\.pt&trained=16,1,legacy,cosine$/)
      await page.reload()
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /unguided, after step 5/), red)).toBeLessThan(3)

      // another visit finds the file and what was said of it
      await page.goto(pages.address)
      await page.getByRole('button', { name: 'Use mine.pt' }).click()
      await says(page, 'mine.pt is ready.')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(farthest(await greyValues(page, /unguided, after step 5/), red)).toBeLessThan(3)
      await page.getByRole('button', { name: 'Remove mine.pt' }).click()
      await page.locator('.shelf').getByText('mine.pt').waitFor({ state: 'detached' })
      expect(await page.locator('.shelf li').allInnerTexts()).toEqual([
        expect.stringMatching(/^classifier\.safetensors/),
      ])
      expect(problems).toEqual([])
    })
  })

  test('are fetched anew where the server answered with a page in their place', async () => {
    const bytes = await readFile(small)
    let asked = 0
    const server = await answering((_, response) => {
      const page = ++asked === 1
      response.writeHead(200, {
        'Cache-Control': 'max-age=3600',
        'Content-Type': page ? 'text/html' : 'application/octet-stream',
      })
      response.end(page ? '<!doctype html><p>Please sign in' : bytes)
    })
    const address = `${server.address}small.safetensors`
    await pages.withPage(`#model=${address}&steps=5`, async (page) => {
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/small\.safetensors is not valid safetensors/)
      await alert.getByRole('button', { name: 'Try again' }).click()
      await reads(page, /^5 steps in/)
      expect(asked).toBe(2)
      // what was read is kept
      await page.reload()
      await reads(page, /^5 steps in/)
      expect(asked).toBe(2)
    })
    server.close()
  })

  test('and the built-in ones are used where the browser keeps nothing', async () => {
    const served = await serveBuilt()
    for (const script of [/^worker-/, /^service-worker/])
      await prepend(await buildFile(served, script), `(${denyCaches})()`)
    const page = await pages.browser.newPage()
    await page.addInitScript(denyCaches)
    try {
      await page.goto(served.page)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      await dropFile(page, 'small.safetensors', await readFile(small))
      await says(page, /^small\.safetensors is ready\. .*keep it/)
      await sample(page, 10)
      await reads(page, /^10 steps in/)
      await says(page, /^No weights yet/)
    } finally {
      await page.close()
      await served.close()
    }
  })

  test('that break off, or are none, are told so, and the model before stays', async () => {
    const bytes = await readFile(small)
    let asked = 0
    const server = await answering((_, response) => {
      asked++
      response.writeHead(200, { 'Content-Length': bytes.length })
      if (asked > 1) response.end(bytes)
      else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
    })
    const address = `${server.address}small.safetensors`
    await pages.withPage('', async (page) => {
      await loadFrom(page, address)
      await says(page, /the connection broke off before its end/)
      await says(page, 'The page goes on with Fashion-MNIST.')
      await loadFrom(page, address)
      await says(page, 'small.safetensors is ready.')
      expect(asked).toBe(2)
      await page.locator('input[type=file]').setInputFiles({
        name: 'model.safetensors',
        mimeType: 'application/octet-stream',
        buffer: Buffer.from('{"this":"is no weight file"}'),
      })
      await says(page, 'model.safetensors can’t be used')
      await says(page, 'The page goes on with small.safetensors.')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
    })
    server.close()
  })

  test('that nothing guides make each picture once, in the first run of a link too', async () => {
    const expected = await sampledAlone(small, { diffusion, steps: 5, shape: [16, 16, 1] })
    const server = await serveFolder(folder, { headers: shared })
    const page = await pages.browser.newPage()
    await page.addInitScript(countPictures)
    await page.goto(`${pages.address}#model=${server.address}small.safetensors&steps=5&count=2`)
    const sizes = async () => [
      ...new Set(await page.evaluate(() => (globalThis as unknown as { bytes: number[] }).bytes)),
    ]
    try {
      await reads(page, /^5 steps in/)
      expect(await sizes()).toEqual([2 * 16 * 16])
      expect(farthest(await greyValues(page, /unguided, after step 5/), expected)).toBeLessThan(3)
      expect(await page.getByRole('img', { name: /\bguided/ }).count()).toBe(0)
      await sample(page, 10)
      await reads(page, /^10 steps in/)
      expect(await sizes()).toEqual([2 * 16 * 16])
      await page.locator('#figure-pair').getByText('Sampled', { exact: true }).waitFor()
    } finally {
      await page.close()
      await server.close()
    }
  })

  test('that are told the class are asked for one by number, and there is no γ to compare', async () => {
    const told = { ...config, channels: 32, multipliers: [1], classes: 30 }
    await writeDenoiser(join(folder, 'told.safetensors'), told, diffusion)
    const server = await serveFolder(folder, { headers: shared })
    const link = `#figure=grid&model=${server.address}told.safetensors&steps=5`
    await pages.withPage(link, async (page, problems) => {
      const figure = page.locator('#figure-pair')
      const number = figure
        .getByRole('group', { name: 'Class, which the denoiser is told' })
        .getByRole('spinbutton', { name: 'Number, 0 to 29' })
      await number.fill('3')
      // the grid that the link asks for was sampled, and its columns would be alike
      expect(await page.locator('#figure-grid').count()).toBe(0)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await figure.locator('figcaption').innerText()).toBe('class 3')
      await page.getByRole('button', { name: 'Back to the built-in one' }).click()
      await page.locator('#figure-grid').waitFor()
      expect(problems).toEqual([])
    })
    await server.close()
  })

  test('whose classes are many and have names are asked for one by name', async () => {
    const many = { ...config, channels: 32, multipliers: [1], classes: 1000 }
    const names = Array.from({ length: 1000 }, (_, i) => `thing ${i}`)
    await writeDenoiser(join(folder, 'many.safetensors'), many, diffusion, names)
    const server = await serveFolder(folder, { headers: shared })
    await pages.withPage(`#model=${server.address}many.safetensors&steps=5`, async (page, problems) => {
      await reads(page, /^5 steps in/)
      const figure = page.locator('#figure-pair')
      const choice = figure.getByRole('group', { name: /^Class,/ }).getByRole('combobox', { name: 'Name' })
      await choice.selectOption('thing 987')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await figure.locator('figcaption').innerText()).toBe('thing 987')
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toMatch(/[#&]class=987&/)
      expect(problems).toEqual([])
    })
    await server.close()
  })

  test('are told apart by what they hold: a denoiser and its classifier, or a classifier for the denoiser there', async () => {
    const [denoiser, classifier] = await Promise.all(
      [pretrained.denoiser, pretrained.classifier].map((address) => readFile(fileURLToPath(address))),
    )
    const file = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/octet-stream', buffer })
    await pages.withPage('', async (page) => {
      const input = page.locator('input[type=file]')
      await input.setInputFiles([
        file('one.safetensors', classifier as Buffer),
        file('two.safetensors', denoiser as Buffer),
      ])
      await says(page, /\.safetensors is ready\./)
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toContain('&model=file:two.safetensors&classifier=file:one.safetensors')
      await page.getByRole('button', { name: 'Back to the built-in one' }).click()
      await input.setInputFiles([file('judge.safetensors', classifier as Buffer)])
      await says(page, 'judge.safetensors is ready.')
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      await page.getByRole('button', { name: 'Copy link' }).first().click()
      expect(page.url()).toMatch(/&classifier=file:judge\.safetensors$/)
      expect(page.url()).not.toContain('model=')
    })
  })

  test('that never come can be given up', async () => {
    const server = await answering(() => undefined)
    await pages.withPage('', async (page, problems) => {
      await loadFrom(page, `${server.address}a.safetensors`)
      await page.getByRole('progressbar', { name: 'Loading a.safetensors' }).waitFor()
      await page.locator('#weights').getByRole('button', { name: 'Cancel' }).click()
      await sample(page, 5)
      await reads(page, /^5 steps in/)
      expect(await page.getByRole('progressbar', { name: 'Loading a.safetensors' }).count()).toBe(0)
      expect(problems).toEqual([])
    })
    server.close()
  })
})

/** A browser that was told to let the page keep nothing. Runs in the page, or in a worker. */
function denyCaches() {
  CacheStorage.prototype.open = () => Promise.reject(new DOMException('Denied.', 'SecurityError'))
}

/** Notes the bytes of all pictures of each step that a worker reports. Runs in the page, before its own code. */
function countPictures() {
  const bytes: number[] = []
  Object.assign(globalThis, { bytes })
  const listen = Worker.prototype.addEventListener
  Worker.prototype.addEventListener = function (this: Worker, ...args: Parameters<typeof listen>) {
    listen.call(this, 'message', (event) => {
      const { type, x } = (event as MessageEvent<{ type: string; x: Uint8Array }>).data
      if (type === 'step') bytes.push(x.length)
    })
    listen.apply(this, args)
  }
}
