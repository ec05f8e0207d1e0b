import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { sineAndCosine } from './sine.ts'

test('sine and cosine over the whole turn, ends included', async () => {
  await tf.setBackend('cpu')
  const count = 20_001
  const angles = Float32Array.from({ length: count }, (_, i) => (2 * i) / (count - 1) - 1).map(
    (x) => x * Math.PI,
  )
  const { sine, cosine } = sineAndCosine(tf.tensor1d(angles))
  for (const [actual, exact] of [
    [sine, Math.sin],
    [cosine, Math.cos],
  ] as const) {
    const values = actual.dataSync()
    const error = Math.max(...angles.map((angle, i) => Math.abs((values[i] as number) - exact(angle))))
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(1e-6)
  }
})
