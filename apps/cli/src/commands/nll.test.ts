import '@tensorflow/tfjs-backend-cpu'
import { join } from 'node:path'
import { readWeights } from '@guided-diffusion/checkpoints'
import { idx } from '@guided-diffusion/datasets'
import { bitsPerDimension, describedDiffusion } from '@guided-diffusion/diffusion'
import { loadUNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, expect, test } from 'vitest'
import { failure, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'
import { tinyNetwork, writeIdx, writePngs } from '../../testing/tiny-images.ts'

const cwd = await temporaryFolder()
const model = join(cwd, 'denoiser/model.safetensors')

async function nll(line: string, run = program): Promise<string> {
  const { code, stdout, stderr } = await run(['nll', ...line.split(' ')], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('engine: ') })
  return stdout.trim()
}

beforeAll(async () => {
  await writeIdx(join(cwd, 'labelled'))
  await writeIdx(join(cwd, 'unlabelled'), { labels: false })
  await writePngs(join(cwd, 'pngs'))
  const args = [
    'train',
    'denoiser',
    '--data',
    'labelled',
    '--out',
    'denoiser',
    '--steps',
    '1',
    '--batch',
    '2',
  ]
  expect((await program([...args, ...tinyNetwork], { cwd })).code).toBe(0)
})

test('bits per dimension of the first images, as the library measures them, on wasm and as a graph', async () => {
  await tf.setBackend('cpu')
  const unet = await loadUNet(model)
  const dataset = await idx({
    images: join(cwd, 'labelled/train-images-idx3-ubyte'),
    labels: join(cwd, 'labelled/train-labels-idx1-ubyte'),
  })
  const { images, labels } = await dataset.read([0, 1, 2, 3, 4])
  const description = {
    schedule: 'cosine',
    steps: 1000,
    prediction: 'epsilon',
    variance: 'learned-range',
  } as const
  const tensor = tf.tensor4d(images, [5, 4, 4, 1])
  const expected = await bitsPerDimension({
    diffusion: describedDiffusion(description, '8'),
    denoiser: unet,
    images: tensor,
    labels: Array.from(labels ?? []),
    seed: 1,
  })
  tensor.dispose()
  unet.dispose()
  const mean = expected.total.reduce((sum, value) => sum + value, 0) / 5
  for (const [engine, run] of [
    ['wasm', program],
    ['onnx', spawnedProgram],
  ] as const) {
    const line = `--model denoiser/model.safetensors --data labelled --count 5 --batch 2 --respacing 8 --engine ${engine}`
    const text = await nll(`${line} --out terms-${engine}`, run)
    const [, value, error] =
      /^([\d.]+) bits per dimension, 5 images, standard error ([\d.]+)$/.exec(text) ?? []
    expect(Number(value) / mean).toBeCloseTo(1, 3)
    expect(Number(error)).toBeGreaterThan(0)
    const terms = await Promise.all(
      ['vb', 'mse', 'xstart_mse'].map(async (name) =>
        Array.from(
          (await readWeights(join(cwd, `terms-${engine}/${name}_terms.npz`))).tensors.get('arr_0')?.data ??
            [],
          Number,
        ),
      ),
    )
    const means = [expected.bound, expected.epsilonError, expected.xStartError].map((rows) =>
      Array.from({ length: 8 }, (_, t) => rows.reduce((sum, row) => sum + (row[7 - t] as number), 0) / 5),
    )
    for (const [i, row] of means.entries())
      for (const [t, wanted] of row.entries()) expect((terms[i]?.[t] as number) / wanted).toBeCloseTo(1, 2)
  }
})

test('a network that has a null class needs no labels', async () => {
  const text = await nll(
    '--model denoiser/model.safetensors --data unlabelled --count 1 --respacing 2 --engine wasm',
  )
  expect(text).toMatch(/^[\d.]+ bits per dimension, 1 images$/)
})

test.each([
  ['--data nowhere', 'error: There is no folder nowhere.'],
  ['--data pngs', 'is made for images of 4 × 4 × 1, those of the data set are 4 × 4 × 3.'],
  ['--data labelled --respacing fast', 'error: respacing is "fast"'],
])('%s', async (line, expected) => {
  const args = ['nll', '--model', 'denoiser/model.safetensors', '--engine', 'wasm', ...line.split(' ')]
  expect(await failure(args, { cwd })).toContain(expected)
})
