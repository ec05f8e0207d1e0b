import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { readParameters, saveNetwork } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Classifier, createClassifier } from './classifier.ts'
import { loadClassifier } from './load.ts'

const config = { size: 2, inChannels: 1, channels: 32, multipliers: [1], blocks: 1, classes: 4 }
let folder: string
let path: string
let original: Classifier

/** Log-probabilities of one image, by class. */
const answer = (classifier: Classifier) =>
  tf.tidy(() => {
    const x = tf.tensor4d([0.5, -1, 0.3, 2], [1, 2, 2, 1])
    return [...tf.logSoftmax(classifier.logits(x, tf.tensor1d([100]))).dataSync()]
  })

beforeAll(async () => {
  await startBackend([cpu()])
  folder = await mkdtemp(join(tmpdir(), 'classifier-'))
  path = join(folder, 'classifier.safetensors')
  original = createClassifier(config, { seed: 5 })
  await saveNetwork(path, {
    description: { kind: 'classifier', config: original.config },
    tensors: await readParameters(original.specs, original.parameters),
  })
})
afterAll(async () => {
  original.dispose()
  await rm(folder, { recursive: true })
})

describe('a classifier from a file', () => {
  test('answers as the one that was saved, with the configuration that the file tells', async () => {
    const before = tf.memory().numTensors
    const loaded = await loadClassifier(path)
    expect(loaded.classes).toBe(4)
    expect(loaded.config).toEqual(original.config)
    expect(answer(loaded)).toEqual(answer(original))
    loaded.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test('is read from bytes too, and with a configuration that is given', async () => {
    const bytes = new Uint8Array(await readFile(path))
    const loaded = await loadClassifier(bytes, { config })
    expect(answer(loaded)).toEqual(answer(original))
    loaded.dispose()
  })

  test('is refused where the weights are those of another', async () => {
    const before = tf.memory().numTensors
    const wrong = loadClassifier(path, { config: { ...config, classes: 5 } })
    await expect(wrong).rejects.toMatchObject({ name: 'WeightsMismatchError' })
    await expect(loadClassifier(join(folder, 'nothing.safetensors'))).rejects.toMatchObject({
      name: 'SourceError',
    })
    expect(tf.memory().numTensors).toBe(before)
  })

  test('is not read when that was aborted', async () => {
    const reason = new Error('enough')
    await expect(loadClassifier(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
