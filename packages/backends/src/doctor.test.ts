import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from './cpu.ts'
import { diagnose } from './doctor.ts'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError } from './errors.ts'
import { startBackend } from './start-backend.ts'
import { wasm } from './wasm.ts'

const failing = (name: string, error: unknown): BackendDriver => ({
  name,
  needs: 'the moon',
  start: () => Promise.reject(error),
})

describe('diagnose', () => {
  test('tells of each driver whether it runs here', async () => {
    const unavailable = new BackendUnavailableError({ backend: 'moon', reason: 'it is day', advice: 'Wait.' })
    const diagnoses = await diagnose([
      failing('moon', unavailable),
      wasm(),
      failing('sun', new Error('hot')),
      cpu(),
    ])
    expect(diagnoses).toMatchInlineSnapshot(`
      [
        {
          "advice": "Wait.",
          "available": false,
          "name": "moon",
          "needs": "the moon",
          "reason": "it is day",
        },
        {
          "available": true,
          "backend": "wasm",
          "description": "WebAssembly with SIMD, one thread",
          "kernels": [
            "GuidedGroupNorm",
            "GuidedGroupNormGrad",
            "GuidedAttention",
            "GuidedAttentionGrad",
          ],
          "name": "wasm",
          "needs": "the package @tensorflow/tfjs-backend-wasm",
          "trains": true,
        },
        {
          "advice": "Start it alone to see where that comes from.",
          "available": false,
          "name": "sun",
          "needs": "the moon",
          "reason": "its driver failed with "hot"",
        },
        {
          "available": true,
          "backend": "cpu",
          "description": "JavaScript, one core; for tests and tiny networks",
          "kernels": [],
          "name": "cpu",
          "needs": "the package @tensorflow/tfjs-backend-cpu",
          "trains": true,
        },
      ]
    `)
  })

  test('with no backend started, leaves none', async () => {
    await diagnose([wasm(), cpu()])
    expect(Object.keys(tf.engine().registry)).toEqual([])
    expect(tf.engine().backendName ?? undefined).toBeUndefined()
    expect(tf.engine().backendNames().sort()).toEqual(['cpu', 'wasm'])
  })

  test('leaves the current backend and its tensors', async () => {
    await startBackend([wasm()])
    const x = tf.tensor1d([1, 2, 3])
    const before = tf.memory().numTensors
    await diagnose([wasm(), cpu(), wasm()])
    expect(tf.getBackend()).toBe('wasm')
    expect(tf.memory().numTensors).toBe(before)
    expect(Object.keys(tf.engine().registry)).toEqual(['wasm'])
    expect([...tf.square(x).dataSync()]).toEqual([1, 4, 9])
  })

  test('what it tried can be started afterwards', async () => {
    await diagnose([cpu(), wasm()])
    await startBackend([cpu()])
    expect(tf.getBackend()).toBe('cpu')
    await startBackend([wasm()])
    expect(tf.getBackend()).toBe('wasm')
  })
})
