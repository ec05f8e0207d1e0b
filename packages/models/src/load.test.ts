import '@tensorflow/tfjs-backend-cpu'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveSafetensors } from '@guided-diffusion/checkpoints'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEncoderUNet } from './encoder-unet.ts'
import { UnknownArchitectureError, WeightsMismatchError } from './errors.ts'
import { loadEncoderUNet, loadSuperResolutionUNet, loadUNet } from './load.ts'
import { openNetwork, readTensors, saveNetwork } from './network-file.ts'
import { createUNet } from './unet.ts'
import type { EncoderUNetConfig, UNetConfig } from './unet-config.ts'
import { type FileTensor, readParameters } from './weights.ts'

const unetConfig: UNetConfig = {
  size: 4,
  inChannels: 1,
  outChannels: 2,
  channels: 32,
  multipliers: [1],
  blocks: 1,
}
const encoderConfig: EncoderUNetConfig = { ...unetConfig, outChannels: 3, attention: [4] }

let folder: string
let tensors: Map<string, FileTensor>
beforeAll(async () => {
  await tf.setBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'models-'))
  const unet = createUNet(unetConfig, { seed: 1 })
  tensors = await readParameters(unet.specs, unet.parameters)
  unet.dispose()
})
afterAll(() => rm(folder, { recursive: true }))

const files = (entries: Iterable<[string, FileTensor]>) => ({
  tensors: new Map([...entries].map(([name, tensor]) => [name, { dtype: 'float32', ...tensor } as const])),
})
const refusal = async (promise: Promise<unknown>): Promise<Error> => {
  const count = tf.memory().numTensors
  try {
    await promise
  } catch (error) {
    expect(tf.memory().numTensors).toBe(count)
    return error as Error
  }
  throw new Error('accepted')
}

describe('a network is saved and loaded', () => {
  test('in float32: the same bits, configuration from the file', async () => {
    const path = join(folder, 'unet.safetensors')
    await saveNetwork(
      path,
      { description: { kind: 'unet', config: unetConfig }, tensors },
      { metadata: { note: 'n' } },
    )
    const unet = await loadUNet(path)
    expect(unet.config).toMatchObject(unetConfig)
    expect(await readParameters(unet.specs, unet.parameters)).toEqual(tensors)
    unet.dispose()
    const { reader, description } = await openNetwork(path)
    expect(description).toEqual({ kind: 'unet', config: unetConfig })
    expect(reader.metadata.note).toBe('n')
    await reader.close()
    expect(await readdir(folder)).toEqual(['unet.safetensors'])
  })

  test('in float16: each weight to 11 significant bits', async () => {
    const path = join(folder, 'half.safetensors')
    await saveNetwork(
      path,
      { description: { kind: 'unet', config: unetConfig }, tensors },
      { dtype: 'float16' },
    )
    const { reader } = await openNetwork(path)
    expect(reader.tensors.get('out.2.weight')?.dtype).toBe('float16')
    const unet = createUNet(unetConfig, { seed: 1 })
    const read = await readTensors(reader, unet.specs)
    await reader.close()
    unet.dispose()
    let rounded = 0
    let wrong = 0
    for (const [name, { data }] of tensors) {
      const half = read.get(name)?.data as Float32Array
      for (const [i, value] of data.entries()) {
        const difference = Math.abs((half[i] as number) - value)
        // 2^-25 is half of the smallest step that float16 has
        if (!(difference <= Math.max(Math.abs(value) * 2 ** -11, 2 ** -25))) wrong++
        if (difference > 0) rounded++
      }
    }
    expect(wrong).toBe(0)
    expect(rounded).toBeGreaterThan(1000)
  })

  test('an encoder', async () => {
    const path = join(folder, 'encoder.safetensors')
    const encoder = createEncoderUNet(encoderConfig, { seed: 2 })
    const weights = await readParameters(encoder.specs, encoder.parameters)
    encoder.dispose()
    const count = tf.memory().numTensors
    await saveNetwork(path, { description: { kind: 'classifier', config: encoderConfig }, tensors: weights })
    const loaded = await loadEncoderUNet(path)
    expect(await readParameters(loaded.specs, loaded.parameters)).toEqual(weights)
    loaded.dispose()
    expect(tf.memory().numTensors).toBe(count)
  })

  test('a file without a description, by the configuration given', async () => {
    const path = join(folder, 'bare.safetensors')
    await saveSafetensors(path, files(tensors))
    const unet = await loadUNet(path, { config: unetConfig })
    expect(await readParameters(unet.specs, unet.parameters)).toEqual(tensors)
    unet.dispose()
  })
})

describe('what is not the network is refused:', () => {
  const bare = async (name: string, entries: Iterable<[string, FileTensor]>, metadata = {}) => {
    const path = join(folder, name)
    await saveSafetensors(path, files(entries), { metadata })
    return path
  }

  test('missing, unexpected and mis-shaped tensors, all at once', async () => {
    const changed = new Map(tensors)
    changed.delete('out.2.bias')
    changed.set('extra', { shape: [1], data: new Float32Array(1) })
    changed.set('time_embed.0.bias', { shape: [2, 64], data: new Float32Array(128) })
    const error = (await refusal(
      loadUNet(await bare('changed.safetensors', changed), { config: unetConfig }),
    )) as WeightsMismatchError
    expect(error).toBeInstanceOf(WeightsMismatchError)
    expect(error.message).toMatchInlineSnapshot(
      `"The weights do not fit the network (3 tensors): time_embed.0.bias is [2,64], expected [128]; out.2.bias is missing, expected [2]; extra [1] is not part of it."`,
    )
    expect(error.mismatches).toEqual([
      { name: 'time_embed.0.bias', actual: [2, 64], expected: [128] },
      { name: 'out.2.bias', expected: [2] },
      { name: 'extra', actual: [1] },
    ])
    expect(await refusal((async () => createUNet(unetConfig, changed))())).toBeInstanceOf(
      WeightsMismatchError,
    )
  })

  test('many at once are counted', async () => {
    const error = await refusal(loadUNet(await bare('none.safetensors', []), { config: unetConfig }))
    expect(error.message).toMatch(/^The weights do not fit the network \(\d+ tensors\): .*; and \d+ more\.$/)
  })

  test('a file that says nothing and is not published', async () => {
    const error = await refusal(loadUNet(await bare('unknown.safetensors', tensors)))
    expect(error).toBeInstanceOf(UnknownArchitectureError)
    expect(error.message).toMatchInlineSnapshot(
      `"The tensors do not describe a network of this family: no published network has exactly these names and shapes."`,
    )
  })

  test('another kind of network', async () => {
    const metadata = { network: JSON.stringify({ kind: 'unet', config: unetConfig }) }
    const path = await bare('kind.safetensors', tensors, metadata)
    expect((await refusal(loadEncoderUNet(path))).message).toBe(
      `The tensors do not describe a network of this family: ${path} holds a unet network, not a classifier network.`,
    )
    expect(await refusal(loadSuperResolutionUNet(path))).toBeInstanceOf(UnknownArchitectureError)
  })

  test.each(['{', '{"kind":"unet"}', '{"kind":"gan","config":{}}', 'null'])(
    'a description that is none: %s',
    async (network) => {
      const error = await refusal(loadUNet(await bare('torn.safetensors', tensors, { network })))
      expect(error).toBeInstanceOf(UnknownArchitectureError)
      expect(error.message).toContain('the metadata under "network" is not a network\'s description')
    },
  )
})
