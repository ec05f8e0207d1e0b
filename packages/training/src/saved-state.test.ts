import '@tensorflow/tfjs-backend-cpu'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveSafetensors } from '@guided-diffusion/checkpoints'
import { createUNet, networkSpecs, type ParameterSpec } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { flatLayout } from './flat.ts'
import { loadState, saveState, stateWeights } from './saved-state.ts'
import { cloneState, disposeState, type TrainingState } from './state.ts'

const config = { size: 4, inChannels: 1, outChannels: 2, channels: 32, multipliers: [1], blocks: 1 }
const specs = networkSpecs({ kind: 'unet', config })
const wider = networkSpecs({ kind: 'unet', config: { ...config, channels: 64 } })

function state(of: readonly ParameterSpec[] = specs): TrainingState {
  const layout = flatLayout(of)
  const vector = (phase: number) =>
    tf.tensor1d(Float32Array.from({ length: layout.length }, (_, i) => Math.sin(phase + i)))
  return {
    step: 7,
    samples: 100,
    specs: of,
    layout,
    parameters: vector(0),
    moments: [vector(1), vector(2)],
    averages: [
      { decay: 0.9, vector: vector(3) },
      { decay: 0.999, vector: vector(4) },
    ],
    timesteps: Float64Array.from([1, 0.1, Math.PI]),
  }
}

const bits = (vector: tf.Tensor1D) => createHash('sha256').update(vector.dataSync()).digest('hex')
const content = (of: TrainingState) => ({
  ...of,
  parameters: bits(of.parameters),
  moments: of.moments.map(bits),
  averages: of.averages.map(({ decay, vector }) => ({ decay, values: bits(vector) })),
})

let folder: string
let whole: string
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'training-'))
  whole = join(folder, 'whole.safetensors')
  await saveState(whole, state())
})
afterAll(() => rm(folder, { recursive: true }))

async function refusal(path: string, of = specs): Promise<Error> {
  const before = tf.memory().numTensors
  try {
    await loadState(path, { specs: of })
  } catch (error) {
    expect(tf.memory().numTensors).toBe(before)
    return error as Error
  }
  throw new Error('accepted')
}

describe('a saved state', () => {
  test('is read as it was, to the last bit', async () => {
    const path = join(folder, 'state.safetensors')
    const written = state()
    await saveState(path, written, { note: 'kept' })
    const before = tf.memory().numTensors
    const { state: read, metadata } = await loadState(path, { specs })
    expect(content(read)).toEqual(content(written))
    expect(metadata.note).toBe('kept')
    disposeState(read)
    expect(tf.memory().numTensors).toBe(before)
    expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/tmp|part/))
  })

  test('gives the weights and each average as files hold them', async () => {
    const { data } = (await stateWeights(state())).get('input_blocks.0.0.weight') as { data: Float32Array }
    const spec = specs.findIndex(({ name }) => name === 'input_blocks.0.0.weight')
    const layout = flatLayout(specs)
    const start = layout.sizes.slice(0, spec).reduce((a, b) => a + b, 0)
    // memory holds [3, 3, 1, 32], the file [32, 1, 3, 3]
    expect(data[1]).toBe(Math.fround(Math.sin(start + 32)))
    const average = (await stateWeights(state(), 0.999)).get('out.2.bias')?.data
    expect(average?.[1]).toBe(Math.fround(Math.sin(4 + layout.length - 1)))
    const unet = createUNet(config, await stateWeights(state()))
    unet.dispose()
    await expect(stateWeights(state(), 0.5)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[TrainingStateError: The state cannot be resumed from: it has no average with decay 0.5.]`,
    )
  })

  test('is copied whole', () => {
    const original = state()
    const before = tf.memory().numTensors
    const copy = cloneState(original)
    expect(tf.memory().numTensors).toBe(before + 5)
    const expected = content(original)
    disposeState(original)
    expect(content(copy)).toEqual(expected)
    disposeState(copy)
    expect(tf.memory().numTensors).toBe(before - 5)
  })
})

describe('what cannot be resumed from is refused:', () => {
  const written = async (name: string, bytes: Uint8Array | string) => {
    const path = join(folder, name)
    await writeFile(path, bytes)
    return path
  }
  const headed = async (name: string, text: string) => {
    const path = join(folder, name)
    const tensors = new Map([['a', { dtype: 'float32', shape: [1], data: new Float32Array(1) } as const]])
    await saveSafetensors(path, { tensors }, { metadata: { state: text } })
    return path
  }

  test('a missing file', async () => {
    expect((await refusal(join(folder, 'absent.safetensors'))).name).toBe('SourceError')
  })

  test('a file cut short, wherever', async () => {
    const bytes = await readFile(whole)
    for (const length of [0, 4, 100, bytes.length - 1]) {
      const { name } = await refusal(await written('cut.safetensors', bytes.subarray(0, length)))
      expect(['TruncatedFileError', 'UnknownFormatError', 'MalformedFileError']).toContain(name)
    }
  })

  test('a file of something else', async () => {
    expect((await refusal(await written('text.safetensors', 'not weights at all'.repeat(9)))).name).toMatch(
      /^(UnknownFormatError|MalformedFileError)$/,
    )
  })

  test('weights without a state', async () => {
    const path = join(folder, 'weights.safetensors')
    const tensors = [...(await stateWeights(state()))].map(
      ([name, { shape, data }]) => [name, { dtype: 'float32', shape, data }] as const,
    )
    await saveSafetensors(path, { tensors: new Map(tensors) })
    const error = await refusal(path)
    expect(error.name).toBe('TrainingStateError')
    expect(error.message).toBe(`${path} cannot be resumed from: it is not a training state.`)
  })

  const sound = { format: 'guided-diffusion training state 1', step: 1, samples: 2, moments: 2, decays: [] }
  test.each([
    '{',
    'null',
    '{}',
    JSON.stringify({ ...sound, format: 'guided-diffusion training state 2' }),
    JSON.stringify({ ...sound, step: -1 }),
    JSON.stringify({ ...sound, samples: 0.5 }),
    JSON.stringify({ ...sound, moments: '2' }),
    JSON.stringify({ ...sound, decays: [2] }),
    JSON.stringify({ ...sound, decays: 0.9 }),
  ])('a header that is none: %s', async (text) => {
    expect((await refusal(await headed('headed.safetensors', text))).message).toMatch(
      /it is not a training state\.$/,
    )
  })

  test('the state of another network, or one that lacks tensors', async () => {
    const error = await refusal(whole, wider)
    expect(error.name).toBe('TrainingStateError')
    expect(error.message).toBe(
      `${whole} cannot be resumed from: its parameters are those of another network.`,
    )
    expect((await refusal(await headed('empty.safetensors', JSON.stringify(sound)))).name).toBe(
      'TrainingStateError',
    )
  })

  test('one without the history of the timesteps', async () => {
    const path = join(folder, 'timeless.safetensors')
    const small = { ...sound, moments: 0 }
    const tensors = [...(await stateWeights(state()))].map(
      ([name, { shape, data }]) => [`parameters/${name}`, { dtype: 'float32', shape, data }] as const,
    )
    await saveSafetensors(path, { tensors: new Map(tensors) }, { metadata: { state: JSON.stringify(small) } })
    expect((await refusal(path)).name).toBe('TrainingStateError')
  })
})
