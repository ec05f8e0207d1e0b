import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { fusing, held, onEachBackend } from './on-each-backend.fixture.ts'
import { timedConvolution } from './timed-convolution.ts'

await onEachBackend(({ backend, name }) => {
  test('its numbers are right, and none stay behind', async () => {
    await tf.setBackend(backend)
    const before = held()
    await timedConvolution(name)
    expect(held()).toEqual(before)
  })
}, fusing)
