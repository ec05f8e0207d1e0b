import { readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { startBackend } from '@guided-diffusion/backends'
import { wasm } from '@guided-diffusion/backends/wasm'
import { loadClassifier } from '@guided-diffusion/classifier'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import * as tf from '@tensorflow/tfjs-core'
import type * as ort from 'onnxruntime-node'
import { beforeAll, expect, test } from 'vitest'
import { failure, program, temporaryFolder } from '../../testing/program.ts'

const cwd = await temporaryFolder()
const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof ort
const x = () => tf.randomNormal<tf.Rank.R4>([2, 28, 28, 1], 0, 1, 'float32', 1)
const t = () => tf.tensor1d([500, 20])
const labels = () => tf.tensor1d([7, 3], 'int32')

beforeAll(() => startBackend([wasm()]))

async function exported(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await program(['export', '--batch', '2', ...args], { cwd })
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^writing (\d+)\/\1 megabytes/m),
  })
  return stdout.trim().split('\n')
}

async function run(file: string, given: Record<string, tf.Tensor>) {
  const session = await InferenceSession.create(join(cwd, file))
  const feeds: Record<string, ort.Tensor> = {}
  for (const name of session.inputNames) {
    const tensor = given[name] as tf.Tensor
    feeds[name] = new Tensor(tensor.dtype as 'float32', tensor.dataSync() as Float32Array, tensor.shape)
  }
  const results = await session.run(feeds)
  await session.release()
  return results
}

function expectClose(actual: ort.Tensor | undefined, expected: tf.Tensor, tolerance = 1e-4): void {
  expect(actual?.dims).toEqual(expected.shape)
  const a = (actual as ort.Tensor).data as Float32Array
  const b = expected.dataSync() as Float32Array
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const error = a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0)
  expect(error / largest).toBeLessThan(tolerance)
}

test('a denoiser, with its weights inside, beside, and of half size', async () => {
  const unet = await loadUNet(pretrained.denoiser)
  const expected = unet.forward(x(), t(), labels())
  expect(await exported('--out', 'whole.onnx')).toEqual(['whole.onnx'])
  expect(await exported('--weights', 'beside', '--out', 'two.onnx')).toEqual(['two.onnx', 'two.onnx.data'])
  await exported('--dtype', 'float16', '--out', 'half.onnx')
  for (const file of ['whole.onnx', 'two.onnx', 'half.onnx'])
    expectClose((await run(file, { x: x(), t: t(), labels: labels() })).output, expected)
  const [whole, two, half] = await Promise.all(
    ['whole.onnx', 'two.onnx', 'half.onnx'].map(async (name) => (await stat(join(cwd, name))).size),
  )
  expect((half as number) / (whole as number)).toBeLessThan(0.55)
  expect(two).toBeLessThan(600_000)
})

test('a classifier, and its gradient', async () => {
  const classifier = await loadClassifier(pretrained.classifier)
  await exported('--what', 'classifier', '--out', 'classifier.onnx')
  expectClose((await run('classifier.onnx', { x: x(), t: t() })).logits, classifier.logits(x(), t()))
  await exported('--what', 'gradient', '--out', 'gradient.onnx')
  const { gradient } = await run('gradient.onnx', { x: x(), t: t(), labels: labels() })
  expectClose(gradient, classifier.gradient(x(), t(), labels()), 1e-3)
})

test.each([
  ['--out a.pt', 'error: a.pt is no ONNX file. Give --out FILE.onnx.'],
  [
    '--scale 2 --out a.onnx',
    'error: --scale is of step, and --what is denoiser. Leave it out, or export something else.',
  ],
  [
    '--what gradient --model a.pt --out a.onnx',
    'error: --model is of denoiser and step, and --what is gradient.',
  ],
  ['--model nothing.pt --out a.onnx', 'error: nothing.pt cannot be read: there is no such file.'],
  ['--model 64x64_diffusion --cache empty --out a.onnx', 'is a published checkpoint that is not in empty.'],
  [
    '--what step --conditional --sampler ddpm --eta 1 --out a.onnx',
    'error: --eta says how much noise DDIM adds, and the sampler is DDPM. Leave it out.',
  ],
])('%s', async (line, expected) => {
  const before = await readdir(cwd)
  expect(await failure(['export', ...line.split(' ')], { cwd })).toContain(expected)
  expect(await readdir(cwd)).toEqual(before)
})
