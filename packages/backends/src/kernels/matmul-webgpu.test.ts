import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from '../cpu.ts'
import { diagnose } from '../doctor.ts'
import { largestError, numbersOn, scatteredTensor } from '../on-each-backend.fixture.ts'
import { startBackend } from '../start-backend.ts'
import { webgpu } from '../webgpu.ts'

const noSoftware = useSoftwareGpu()
const [gpu] = await diagnose([webgpu()])
if (!gpu) throw new Error('diagnose gives an answer for every driver')

const suite = gpu.available ? 'WebGPU' : `WebGPU: ${noSoftware ?? gpu.reason}`
describe.skipIf(!gpu.available)(suite, () => {
  // 2048 terms, as the classifier with spatial pooling sums them for its gradient
  test.each([
    [1996, false, true],
    [2048, false, true],
    [2048, true, true],
    [2048, true, false],
    [2048, false, false],
  ])(
    'matrix products with sums of %i terms, left transposed %s, right transposed %s',
    async (terms, left, right) => {
      await startBackend([cpu()])
      await startBackend([webgpu()])
      const product = () => {
        const a = scatteredTensor<tf.Rank.R2>(left ? [terms, 12] : [12, terms], 1)
        const b = scatteredTensor<tf.Rank.R2>(right ? [224, terms] : [terms, 224], 2)
        return [
          tf.matMul(a, b, left, right),
          tf.fused.matMul({ a, b, transposeA: left, transposeB: right, activation: 'relu' }),
          tf.matMul(tf.expandDims(a), tf.expandDims(b), left, right),
        ]
      }
      const [actual, expected] = [await numbersOn('webgpu', product), await numbersOn('cpu', product)]
      for (const i of [0, 1, 2])
        expect(largestError(actual[i] as Float32Array, expected[i] as Float32Array)).toBeLessThan(1e-3)
    },
  )
})
