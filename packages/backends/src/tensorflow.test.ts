import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from './cpu.ts'
import { diagnose } from './doctor.ts'
import { startBackend } from './start-backend.ts'
import { tensorflow, tensorflowGpu } from './tensorflow.ts'

const [gpu] = await diagnose([tensorflowGpu()])
const [native] = await diagnose([tensorflow()])
if (!gpu || !native) throw new Error('diagnose gives an answer for every driver')

const suite = native.available ? 'native TensorFlow' : `native TensorFlow: ${native.reason}`
describe.skipIf(!native.available)(suite, () => {
  test('tells version, threads and fused operations', async () => {
    const report = await startBackend([tensorflow(), cpu()])
    expect(tf.getBackend()).toBe('tensorflow')
    expect(report.description).toMatch(
      /^TensorFlow \d+\.\d+\.\d+, \d+ threads, (nothing fused|fused GroupNorm and attention)$/,
    )
    expect(report.description.includes('GroupNorm')).toBe(report.kernels.includes('GuidedGroupNorm'))
    expect(report.description.includes('attention')).toBe(report.kernels.includes('GuidedAttention'))
    expect(report).toMatchObject({ name: 'tensorflow', backend: 'tensorflow', trains: true, skipped: [] })
  })

  test('computes', async () => {
    await startBackend([tensorflow()])
    const gradient = tf.tidy(() =>
      tf.grad((x) => tf.sum(tf.matMul(x as tf.Tensor2D, tf.tensor2d([1, 2, 3, 4], [2, 2]))))(tf.ones([1, 2])),
    )
    expect([...(await gradient.data())]).toEqual([3, 7])
    gradient.dispose()
  })

  test('a process that holds it can hold no other', async () => {
    const [after] = await diagnose([tensorflowGpu()])
    expect(after).toMatchInlineSnapshot(`
      {
        "advice": "Ask for tensorflowGpu() before tensorflow(), or start it in a process of its own.",
        "available": false,
        "name": "tensorflow-gpu",
        "needs": "Node, an NVIDIA GPU with CUDA, and the package @tensorflow/tfjs-node-gpu with its native library",
        "reason": "this process holds @tensorflow/tfjs-node already, and can hold only one of the two",
      }
    `)
  })
})

describe.skipIf(gpu.available)('without its package, tensorflow-gpu', () => {
  test('says so, and leaves the engine to the next driver', async () => {
    expect(gpu).toMatchObject({ name: 'tensorflow-gpu', available: false })
    const report = await startBackend([tensorflowGpu(), cpu()])
    expect(report.name).toBe('cpu')
    expect(report.skipped[0]?.backend).toBe('tensorflow-gpu')
  })
})
