import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchWithProfile, openPage } from '@guided-diffusion/browser'
import type { UNetConfig } from '@guided-diffusion/models'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { greyValues, serveBuilt } from '../testing/built-page.ts'
import { dropFromDisk, reads } from '../testing/controls.ts'
import { mainThreadTasks } from '../testing/main-thread.ts'
import { countsMemory, memoryRise } from '../testing/memory.ts'
import { farthest, sampledAlone, writeTorchDenoiser } from '../testing/networks.ts'
import { browserPath } from '../testing/pages.ts'
import { largestRead, loadingMegabytes, statusWords } from '../testing/watching.ts'

/** The network for CIFAR-10 of "Improved Denoising Diffusion Probabilistic Models". */
const config: UNetConfig = {
  size: 32,
  channels: 128,
  multipliers: [1, 2, 2, 2],
  blocks: 3,
  attention: [16, 8],
  heads: 4,
  resampling: 'conv',
  outChannels: 6,
}
const parameters = 52_546_438
/** Bytes of its largest tensor, a convolution from 512 channels to 256. */
const largestTensor = 4 * 3 * 3 * 512 * 256

describe.skipIf(!browserPath)('a large file of PyTorch', () => {
  let folder: string
  let path: string
  let served: Awaited<ReturnType<typeof serveBuilt>>
  let context: BrowserContext
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-weights-'))
    path = join(folder, 'cifar10.pt')
    await writeTorchDenoiser(path, config)
    served = await serveBuilt()
    context = await launchWithProfile(browserPath as string, join(folder, 'profile'))
  })
  afterAll(async () => {
    await context?.close()
    await served?.close()
    await rm(folder, { recursive: true })
  })

  test('is dropped, read tensor after tensor while the page stays free, and sampled', async () => {
    const { size } = await stat(path)
    expect(size).toBeGreaterThan(4 * parameters)
    const expected = await sampledAlone(path, {
      config,
      diffusion: { schedule: 'linear', steps: 1000, prediction: 'epsilon', variance: 'learned-range' },
      steps: 2,
      shape: [32, 32, 3],
    })
    const red = expected.filter((_, i) => i % 3 === 0)
    const browser = context.browser() as Browser
    const { page, problems } = await openPage(context, `${served.page}#engine=wasm&steps=2`)
    await reads(page, /^2 steps in/)
    const weights = page.locator('#weights')
    const alert = weights.getByRole('alert')
    const load = async () => {
      await dropFromDisk(page, path)
      await alert.getByText('What is cifar10.pt?').waitFor()
      await alert.getByRole('combobox', { name: 'Image size' }).selectOption('32')
      await alert.getByRole('button', { name: 'Try with these' }).click()
      await weights.getByText('cifar10.pt is ready.').waitFor()
    }

    const largest = await largestRead(page)
    const seen = await statusWords(page)
    const rise = countsMemory ? await memoryRise(browser) : undefined
    await load()
    const risen = await rise?.()
    const progress = loadingMegabytes(await seen(), 'Reading the weights')
    expect(progress.length).toBeGreaterThan(10)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
    expect(progress.at(-1)).toBeCloseTo((4 * parameters) / 1e6, 0)
    // the weights on the engine, and one tensor on its way there
    expect(await largest()).toBe(largestTensor)
    if (risen !== undefined) {
      expect(risen).toBeGreaterThan(0.9 * size)
      expect(risen).toBeLessThan(1.5 * size)
    }
    expect(await weights.innerText()).toMatch(/cifar10\.pt, 32 × 32 pixels, in colour(.|\s)*210\.3 MB/)

    // once more, in the trace, which takes memory itself
    const tasks = await mainThreadTasks(browser, page, load)
    const longest = Math.max(...tasks.map(({ processor }) => processor))
    console.info(
      `${(size / 1e6).toFixed(0)} MB dropped: ${progress.length} words of progress, ` +
        `longest of ${tasks.length} tasks of the main thread ${longest.toFixed(1)} ms of the processor, ` +
        `memory of the browser ${risen === undefined ? 'not counted here' : `${(risen / size).toFixed(2)} times the file`}`,
    )
    expect(longest).toBeGreaterThan(0)
    // what makes a page feel stuck: the time beyond 50 ms of each task. One task may have been compiled or cleaned up in
    const blocked = tasks.reduce((sum, { processor }) => sum + Math.max(0, processor - 50), 0)
    expect(blocked).toBeLessThan(200)

    await page.getByRole('button', { name: 'Sample', exact: true }).click()
    await reads(page, /^2 steps in/)
    expect(farthest(await greyValues(page, /unguided, after step 2/), red)).toBeLessThan(3)
    expect(problems).toEqual([])
  })
})
