import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test, vi } from 'vitest'
import { cpu } from './cpu.ts'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError, NoBackendError } from './errors.ts'
import { fastestBackend } from './fastest-backend.ts'
import { wasm } from './wasm.ts'

/** A driver that can't run. */
const absent = (name: string): BackendDriver => ({
  name,
  needs: 'what is not here',
  start: () =>
    Promise.reject(new BackendUnavailableError({ backend: name, reason: 'it is absent', advice: 'Wait.' })),
})

/** Remembers, and counts what is asked. */
function storage() {
  const entries = new Map<string, string>()
  return {
    entries,
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
  }
}

/** A driver of a backend that starts as JavaScript's does, and whose gradients of convolutions come from `kernel`. */
function faulty(name: string, kernel: tf.KernelFunc): BackendDriver {
  return {
    name,
    needs: 'nothing',
    async start() {
      const { description, kernels, trains } = await cpu().start()
      if (!tf.findBackendFactory(name)) {
        tf.registerBackend(name, () => new MathBackendCPU())
        tf.copyRegisteredKernels('cpu', name)
        tf.unregisterKernel('Conv2DBackpropInput', name)
        tf.registerKernel({ kernelName: 'Conv2DBackpropInput', backendName: name, kernelFunc: kernel })
      }
      await tf.setBackend(name)
      return { backend: name, description, kernels, trains }
    },
  }
}

/** A kernel whose results are one number over and over. */
const gives =
  (value: number): tf.KernelFunc =>
  ({ attrs }) =>
    tf.fill((attrs as unknown as { inputShape: [number, number, number, number] }).inputShape, value)

/** WebAssembly, described otherwise. */
const described = (description: string): BackendDriver => ({
  ...wasm(),
  start: async () => ({ ...(await wasm().start()), description }),
})

const wait = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000))

test('WebAssembly is faster than JavaScript, and is left running', async () => {
  const backend = await fastestBackend([cpu(), wasm(), absent('sun')])
  expect(backend.name).toBe('wasm')
  expect(tf.getBackend()).toBe('wasm')
  expect(backend.seconds.wasm).toBeLessThan(backend.seconds.cpu as number)
  expect(backend.reason).toMatch(/^wasm [\d.e+]+ ms, cpu [\d.e+]+ ms; sun: it is absent\.$/)
  expect(backend.skipped.map((each) => each.backend)).toEqual(['sun'])
})

test('the measurement leaves no tensors', async () => {
  await fastestBackend([wasm()])
  const before = tf.memory().numTensors
  await fastestBackend([cpu(), wasm()])
  expect(tf.memory().numTensors).toBe(before)
})

test('a choice is remembered for the same drivers, and measured anew where it no longer starts', async () => {
  const remembered = storage()
  const worked: string[] = []
  const options = {
    storage: remembered,
    work: async (driver: string) => {
      worked.push(driver)
      await wait(driver === 'wasm' ? 0.3 : 0.001)
    },
  }
  expect((await fastestBackend([wasm(), cpu()], options)).name).toBe('cpu')
  const count = worked.length
  const again = await fastestBackend([wasm(), cpu()], options)
  expect(again.name).toBe('cpu')
  expect(again.reason).toMatch(/^Remembered: cpu [\d.]+ ms, wasm [\d.]+ ms\.$/)
  expect(again.seconds).toEqual({})
  expect(worked).toHaveLength(count)

  // among others it is another question
  expect((await fastestBackend([wasm()], options)).reason).toBe('wasm alone runs here.')
  expect(worked.length).toBeGreaterThan(count)

  await fastestBackend([wasm(), cpu()], options)
  const lost = await fastestBackend([wasm(), absent('cpu')], options)
  expect(lost.name).toBe('wasm')
  expect(lost.reason).toBe('wasm alone runs here; cpu: it is absent.')
})

test('two of one name are told apart, also when one of them can no longer run', async () => {
  const remembered = storage()
  const options = { storage: remembered, work: async () => {} }
  const second = await fastestBackend([absent('wasm'), described('the second')], options)
  expect(second).toMatchObject({ name: 'wasm', description: 'the second' })
  const again = await fastestBackend([described('the first'), described('the second')], options)
  expect(again).toMatchObject({ description: 'the second', reason: /^Remembered: / })
})

test('a choice made with other threads, on a page isolated otherwise, or by an earlier version is made anew', async () => {
  const remembered = storage()
  let count = 0
  const options = { storage: remembered, work: async () => void count++ }
  const measures = async (driver: BackendDriver) => {
    const before = count
    await fastestBackend([driver], options)
    return count > before
  }
  expect(await measures(described('one thread'))).toBe(true)
  expect(await measures(described('one thread'))).toBe(false)
  expect(await measures(described('8 threads'))).toBe(true)
  expect(await measures(described('8 threads'))).toBe(false)

  vi.stubGlobal('crossOriginIsolated', true)
  try {
    expect(await measures(described('8 threads'))).toBe(true)
    expect(await measures(described('8 threads'))).toBe(false)
  } finally {
    vi.unstubAllGlobals()
  }
  expect(await measures(described('8 threads'))).toBe(true)

  const [key] = remembered.entries.keys()
  remembered.setItem(key as string, JSON.stringify({ among: 'wasm', name: 'wasm', reason: 'Long ago.' }))
  expect(await measures(described('8 threads'))).toBe(true)
})

test('a driver that starts and does not compute is skipped, and freed', async () => {
  await fastestBackend([wasm()])
  const before = tf.memory().numTensors
  const broken = faulty('broken', () => {
    throw new Error('the shader does not compile')
  })
  const backend = await fastestBackend([broken, wasm()])
  expect(backend.name).toBe('wasm')
  expect(tf.getBackend()).toBe('wasm')
  expect(Object.keys(backend.seconds)).toEqual(['wasm'])
  expect(backend.reason).toBe(
    'wasm alone runs here; broken: it starts and then does not compute (the shader does not compile).',
  )
  expect(backend.skipped[0]?.cause).toEqual(new Error('the shader does not compile'))
  expect(tf.memory().numTensors).toBe(before)
  expect(Object.keys(tf.engine().registry)).not.toContain('broken')
})

test('a driver that computes wrong numbers is skipped, however fast', async () => {
  await fastestBackend([wasm()])
  const before = tf.memory().numTensors
  for (const wrong of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
    const backend = await fastestBackend([faulty(`gives ${wrong}`, gives(wrong)), wasm()])
    expect(backend.name).toBe('wasm')
    expect(backend.skipped.map(({ reason }) => reason)).toEqual([
      `it computes wrong numbers (${wrong} in place of 20.5)`,
    ])
  }
  expect(tf.memory().numTensors).toBe(before)
})

test('where all start and none computes, the engine is as it was', async () => {
  await fastestBackend([cpu()], { work: async () => {} })
  await expect(fastestBackend([faulty('zeros', gives(0))])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [NoBackendError: No backend can run here.
    zeros: it computes wrong numbers (0 in place of 20.5). Take another; if it is a graphics card, try again with a newer driver of it.]
  `)
  expect(tf.getBackend()).toBe('cpu')
})

test('a storage that is broken or refuses changes nothing', async () => {
  const broken = {
    getItem: () => '{',
    setItem: () => {
      throw new Error('full')
    },
  }
  expect((await fastestBackend([cpu()], { storage: broken, work: async () => {} })).name).toBe('cpu')
})

test('without any that runs, every reason is told', async () => {
  await expect(fastestBackend([absent('sun'), absent('moon')])).rejects.toThrowErrorMatchingInlineSnapshot(`
    [NoBackendError: No backend can run here.
    sun: it is absent. Wait.
    moon: it is absent. Wait.]
  `)
  await expect(fastestBackend([])).rejects.toThrow(NoBackendError)
})
