import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from '../cpu.ts'
import { diagnose } from '../doctor.ts'
import { registerGradients } from '../gradients.ts'
import { largestError, numbersOn } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { webgpu } from '../webgpu.ts'
import { attend, attentions, inputs, title } from './attention.fixture.ts'
import { attention } from './attention-webgpu.ts'
import type { WebGpuBackend } from './webgpu-backend.ts'

const noSoftware = useSoftwareGpu()
await registerGradients()
const [half] = await diagnose([webgpu({ precision: 'float16' })])
if (!half) throw new Error('diagnose gives an answer for every driver')

const norm = (numbers: Float32Array) => Math.hypot(...numbers)

/** Difference over size, both as 2-norms. */
const relativeError = (actual: Float32Array, expected: Float32Array) =>
  norm(expected.map((value, i) => value - (actual[i] as number))) / norm(expected)

const suite = half.available ? 'attention in float16' : `attention in float16: ${noSoftware ?? half.reason}`
describe.skipIf(!half.available)(suite, () => {
  test.each(attentions.map((each) => ({ ...each, title: title(each) })))('forward: $title', async (each) => {
    await startBackend([cpu()])
    await startBackend([webgpu({ precision: 'float16' })])
    const [y] = (await numbersOn('webgpu', () => {
      const { qkv } = inputs(each)
      const { heads, order } = each
      return tf.engine().runKernel('GuidedAttention', { qkv }, { heads, order }) as tf.Tensor
    })) as [Float32Array]
    const [expected] = (await numbersOn('cpu', () => attend(inputs(each).qkv, each))) as [Float32Array]
    const error = relativeError(y, expected)
    // large scores have large errors, though few weights that they change
    expect(error).toBeLessThan(5e-4 * each.size)
    // float32 would be nearer
    expect(error).toBeGreaterThan(1e-5)
  })

  test('forward: teams of 8 threads with two rows', async () => {
    const each = { batch: 1, length: 21, heads: 2, width: 64, size: 1, order: 'new' } as const
    await startBackend([cpu()])
    await startBackend([webgpu({ precision: 'float16' })])
    const [y] = (await numbersOn('webgpu', () => {
      const backend = tf.backend() as unknown as WebGpuBackend
      const team = { lanes: 8, rows: 2, threads: 64, tile: 8 }
      return tf.engine().makeTensorFromTensorInfo(attention(backend, inputs(each), each, team))
    })) as [Float32Array]
    const [expected] = (await numbersOn('cpu', () => attend(inputs(each).qkv, each))) as [Float32Array]
    expect(relativeError(y, expected)).toBeLessThan(5e-4)
    expect(relativeError(y, expected)).toBeGreaterThan(1e-5)
  })

  test('gradients stay float32', async () => {
    const each = { batch: 1, length: 40, heads: 2, width: 8, size: 1, order: 'legacy' } as const
    const { heads, order } = each
    await startBackend([cpu()])
    await startBackend([webgpu({ precision: 'float16' })])
    const [actual] = (await numbersOn('webgpu', () => {
      const { qkv, dy } = inputs(each)
      return tf.engine().runKernel('GuidedAttentionGrad', { dy, qkv }, { heads, order }) as tf.Tensor
    })) as [Float32Array]
    const [expected] = (await numbersOn('cpu', () => {
      const { qkv, dy } = inputs(each)
      return tf.grad((x) => attend(x as tf.Tensor3D, each))(qkv, dy)
    })) as [Float32Array]
    const scale = Math.max(...expected.map(Math.abs))
    expect(largestError(actual, expected) / scale).toBeLessThan(2e-6)
  })
})
