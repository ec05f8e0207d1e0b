import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
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
