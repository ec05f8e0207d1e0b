import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Served, serveFolder } from '@guided-diffusion/browser'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { greyValues } from '../testing/built-page.ts'
import { chooseEngine, reads, sample, sampler } from '../testing/controls.ts'
import { farthest, writeDenoiser } from '../testing/networks.ts'
import { browserPath, pagesForTests } from '../testing/pages.ts'

describe.skipIf(!browserPath)('engines that end', () => {
  const pages = pagesForTests()
  let folder: string
  let served: Served
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-weights-'))
    // small: a graphics card made of software is slow
    await writeDenoiser(
      join(folder, 'small.safetensors'),
      { size: 8, inChannels: 1, channels: 32, multipliers: [1], blocks: 1, outChannels: 1 },
      { schedule: 'cosine', steps: 1000, prediction: 'epsilon', variance: 'fixed-small' },
    )
    served = await serveFolder(folder, { headers: { 'Access-Control-Allow-Origin': '*' } })
  })
  afterAll(async () => {
    await served?.close()
    await rm(folder, { recursive: true })
  })
  const small = (steps: number) => `#model=${served.address}small.safetensors&engine=wasm&steps=${steps}`

  test('a graphics device that goes between two pictures is replaced; one that goes meanwhile is explained', async () => {
    await pages.withPage(small(1), async (page) => {
      await reads(page, /^1 step in/)
      const devices = await watchDevices(page)
      await chooseEngine(page, 'webgpu')
      await sample(page, 1)
      await reads(page, /^1 step in/)
      expect(await devices.count()).toBe(1)
      await devices.destroyLast()
      await sample(page, 250)
      await reads(page, /^Step \d/)
      expect(await devices.count()).toBe(2)
      expect(await page.getByRole('alert').count()).toBe(0)

      await devices.destroyLast()
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/The graphics device was taken away/)
      await page.getByRole('combobox', { name: 'Steps' }).selectOption('5')
      await alert.getByRole('button', { name: 'Use WebAssembly' }).click()
      await reads(page, /^5 steps in/)
      expect(await page.getByRole('combobox', { name: 'Compute with' }).inputValue()).toBe('wasm')
    })
  })

  test('memory that ONNX Runtime does not get is told as that', async () => {
    await pages.withPage('#engine=wasm&steps=1', async (page) => {
      await reads(page, /^1 step in/)
      await sampler(page).evaluate(() => {
        WebAssembly.Memory.prototype.grow = () => {
          throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
        }
      })
      await chooseEngine(page, 'onnx-wasm')
      await sample(page, 1)
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/^Not enough memory\s+ONNX Runtime ran out of memory: /)
      await alert.getByRole('button', { name: 'Try again' }).click()
      await reads(page, /^1 step in/)
    })
  })

  test('what a graphics device can’t do, and throws nothing of, is told on both engines that have one', async () => {
    await pages.withPage(small(1), async (page) => {
      await reads(page, /^1 step in/)
      const alert = page.getByRole('alert')
      const begin = async (engine: string) => {
        await chooseEngine(page, 'wasm')
        await sample(page, 5)
        await reads(page, /^5 steps in/)
        const devices = await watchDevices(page)
        await chooseEngine(page, engine)
        await sample(page, 250)
        await reads(page, /^Step \d/)
        return devices
      }
      const refused = await begin('webgpu')
      await refused.misuseLast()
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/^Sampling failed\s+The webgpu backend met a fault: /)
      await alert.getByRole('button', { name: 'Close' }).click()

      // a run of ONNX Runtime catches some errors itself; of memory it hears no more than the page does
      const full = await begin('onnx-webgpu')
      await full.fillLast()
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(
        /^Not enough memory\s+ONNX Runtime ran out of memory: there is no room\./,
      )
    })
  })

  test('a worker that ends is explained, and a new one goes on', async () => {
    await pages.withPage(small(5), async (page) => {
      await reads(page, /^5 steps in/)
      await sample(page, 250)
      await reads(page, /^Step \d/)
      await sampler(page).evaluate(() => {
        setTimeout(() => {
          throw new Error('nothing goes any more')
        })
      })
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/The sampler ended(.|\s)*nothing goes any more/)
      await page.getByRole('combobox', { name: 'Steps' }).selectOption('5')
      await alert.getByRole('button', { name: 'Try again' }).click()
      await reads(page, /^5 steps in/)
      const onWasm = await greyValues(page, /unguided, after step 5/)

      // or ONNX Runtime does, and makes the same picture
      await sample(page, 250)
      await reads(page, /^Step \d/)
      await sampler(page).evaluate(() => {
        setTimeout(() => {
          throw new Error('nothing goes once more')
        })
      })
      await alert.getByText('nothing goes once more').waitFor()
      await page.getByRole('combobox', { name: 'Steps' }).selectOption('5')
      expect(await alert.getByRole('button').allInnerTexts()).toEqual([
        'Try again',
        'Use ONNX Runtime',
        'Close',
      ])
      await goesOnWithOnnxRuntime(page, onWasm)
    })
  })

  test('what ends before it is ready is the engine that was chosen, not the one that ran before', async () => {
    await pages.withPage(small(5), async (page) => {
      await reads(page, /^5 steps in/)
      await sampler(page).evaluate(() => {
        GPU.prototype.requestAdapter = () => {
          setTimeout(() => {
            throw new Error('nothing goes on WebGPU')
          })
          return new Promise(() => undefined)
        }
      })
      await chooseEngine(page, 'webgpu')
      await sample(page, 5)
      const alert = page.getByRole('alert')
      await alert.getByText('nothing goes on WebGPU').waitFor()
      expect(await alert.getByRole('button').allInnerTexts()).toEqual([
        'Try again',
        'Use WebAssembly',
        'Use ONNX Runtime',
        'Close',
      ])
      await alert.getByRole('button', { name: 'Use WebAssembly' }).click()
      await reads(page, /^5 steps in/)
    })
  })

  test('without WebGPU it is told, and ONNX Runtime or WebAssembly go on', async () => {
    await pages.withPage(small(5), async (page) => {
      await reads(page, /^5 steps in/)
      const onWasm = await greyValues(page, /unguided, after step 5/)
      await sampler(page).evaluate(() => Object.defineProperty(navigator, 'gpu', { value: undefined }))
      await chooseEngine(page, 'webgpu')
      await sample(page, 5)
      const alert = page.getByRole('alert')
      await alert.waitFor()
      expect(await alert.innerText()).toMatch(/This engine does not run here(.|\s)*WebGPU/)
      expect(await alert.getByRole('button').allInnerTexts()).toEqual([
        'Use WebAssembly',
        'Use ONNX Runtime',
        'Try again',
        'Close',
      ])
      await goesOnWithOnnxRuntime(page, onWasm)
    })
  })

  test('an engine that does not start is followed by the one before it, which starts anew', async () => {
    await pages.withPage(small(5), async (page) => {
      await reads(page, /^5 steps in/)
      const onWasm = await greyValues(page, /unguided, after step 5/)
      await sampler(page).evaluate(() => Object.defineProperty(navigator, 'gpu', { value: undefined }))
      await chooseEngine(page, 'onnx-webgpu')
      await sample(page, 5)
      const alert = page.getByRole('alert')
      await alert.getByText('This engine does not run here').waitFor()
      await alert.getByRole('button', { name: 'Use WebAssembly' }).click()
      await reads(page, /^5 steps in/)
      await page
        .locator('#weights')
        .getByText(/^WebAssembly with/)
        .waitFor()
      expect(await currentBackend(page)).toBe('wasm')
      expect(farthest(await greyValues(page, /unguided, after step 5/), onWasm)).toBeLessThan(1)
    })
  })
})

/** Name of TensorFlow.js's backend that is current in the worker. */
const currentBackend = (page: Page): Promise<string> =>
  sampler(page).evaluate(
    () => (globalThis as unknown as { _tfengine: { backendName: string } })._tfengine.backendName,
  )

/** Chooses ONNX Runtime after a failure: it makes the picture that WebAssembly made. */
async function goesOnWithOnnxRuntime(page: Page, onWasm: Parameters<typeof farthest>[1]): Promise<void> {
  await page.getByRole('alert').getByRole('button', { name: 'Use ONNX Runtime' }).click()
  await reads(page, /^5 steps in/)
  await computesWithOnnxRuntime(page)
  expect(farthest(await greyValues(page, /unguided, after step 5/), onWasm)).toBeLessThan(3)
}

async function computesWithOnnxRuntime(page: Page): Promise<void> {
  expect(await page.getByRole('combobox', { name: 'Compute with' }).inputValue()).toBe('onnx-wasm')
  await page
    .locator('#weights')
    .getByText(/^ONNX Runtime 1\.\d+\.\d+, WebAssembly, \d+ thread/)
    .waitFor()
}

/** Watches which devices the worker opens from now on, and can take the last away, as a driver that restarts does. */
async function watchDevices(page: Page) {
  const worker = sampler(page)
  await worker.evaluate(() => {
    const devices: GPUDevice[] = []
    const open = GPUAdapter.prototype.requestDevice
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await open.apply(this, options)
      devices.push(device)
      return device
    }
    Object.assign(globalThis, { devices })
  })
  return {
    count: () => worker.evaluate(() => (globalThis as unknown as { devices: GPUDevice[] }).devices.length),
    destroyLast: () =>
      worker.evaluate(() => (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)?.destroy()),
    /** Asks for a buffer that there can't be: both mapped to be read and computed on. */
    misuseLast: () =>
      worker.evaluate(() => {
        const device = (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)
        device?.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE })
      }),
    /** Says what a device says that has no more memory. */
    fillLast: () =>
      worker.evaluate(() => {
        const device = (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)
        const error = new GPUOutOfMemoryError('there is no room')
        device?.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }))
      }),
  }
}
