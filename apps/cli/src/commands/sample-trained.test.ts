import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import { decode } from 'fast-png'
import { beforeAll, expect, test } from 'vitest'
import { npzArrays } from '../../testing/npz.ts'
import { failure, program, temporaryFolder } from '../../testing/program.ts'
import { tinyNetwork, writeIdx, writePngs } from '../../testing/tiny-images.ts'

const cwd = await temporaryFolder()
const noSoftware = useSoftwareGpu()

async function sample(line: string, engine = 'wasm') {
  const options = ['--steps', '2', '--engine', engine]
  const { code, stderr } = await program(['sample', ...line.split(' '), ...options], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`engine: ${engine}`) })
}

beforeAll(async () => {
  await writeIdx(join(cwd, 'labelled'))
  await writeIdx(join(cwd, 'unlabelled'), { labels: false })
  await writePngs(join(cwd, 'pngs'))
  const names = '--class-names Across,Down,Aslant'
  const runs = [
    `denoiser --data labelled ${names} --out denoiser`,
    'denoiser --data unlabelled --out classless --variance fixed-small',
    'denoiser --data pngs --size 4 --out coloured --schedule linear',
    `classifier --data labelled ${names} --out classifier --pool spatial`,
  ]
  for (const run of runs) {
    const args = ['train', ...run.split(' '), '--steps', '1', '--batch', '2', ...tinyNetwork]
    const { code, stderr } = await program(args, { cwd })
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('training 1/1 steps') })
  }
})

test('guided by its own classifier, classes by name in any case', async () => {
  const networks = '--model denoiser/model.safetensors --classifier classifier/model.safetensors'
  await sample(`${networks} --count 2 --classes ASLANT,across --out own.npz`)
  const { arr_0, arr_1 } = await npzArrays(join(cwd, 'own.npz'))
  expect(arr_0?.shape).toEqual([2, 4, 4, 1])
  expect(arr_1?.data).toEqual(BigInt64Array.of(2n, 0n))
})

test('as graphs that point into the files, within a grey level', async () => {
  const line =
    '--model denoiser/model.safetensors --classifier classifier/model.safetensors --scale 8 --count 3'
  const pictures = async (engine: string) => {
    await sample(`${line} --out by-${engine}.npz`, engine)
    return (await npzArrays(join(cwd, `by-${engine}.npz`))).arr_0?.data as Uint8Array
  }
  const [eager, graphs] = [await pictures('wasm'), await pictures('onnx')]
  expect(graphs).toHaveLength(eager.length)
  for (const [i, level] of eager.entries()) expect(Math.abs(level - (graphs[i] as number))).toBeLessThan(2)
  expect(new Set(eager).size).toBeGreaterThan(10)
})

test.skipIf(noSoftware)(
  noSoftware ? `on a graphics card: ${noSoftware}` : 'on a graphics card, the same pictures',
  async () => {
    const line = '--model denoiser/model.safetensors --scale 0 --count 2'
    await sample(`${line} --out card.npz`, 'webgpu')
    await sample(`${line} --out plain.npz`, 'wasm')
    const [card, plain] = await Promise.all(
      ['card.npz', 'plain.npz'].map(async (name) => (await npzArrays(join(cwd, name))).arr_0?.data),
    )
    expect(card).toHaveLength(32)
    expect(new Set(card as Uint8Array).size).toBeGreaterThan(5)
    for (const [i, level] of (card as Uint8Array).entries())
      expect(Math.abs(level - Number(plain?.[i]))).toBeLessThan(2)
  },
)

test('in float16, which wasm refuses, and a card that has none', async () => {
  const line = '--model denoiser/model.safetensors --scale 0 --count 3 --precision float16'
  await sample(`${line} --out half.npz`, 'onnx')
  await sample('--model denoiser/model.safetensors --scale 0 --count 3 --out full.npz', 'onnx')
  const [half, full] = await Promise.all(
    ['half.npz', 'full.npz'].map(async (name) =>
      Array.from((await npzArrays(join(cwd, name))).arr_0?.data ?? [], Number),
    ),
  )
  expect(half).toHaveLength(48)
  for (const [i, level] of (half as number[]).entries())
    expect(Math.abs(level - (full?.[i] as number))).toBeLessThan(4)
  expect(await failure(['sample', ...line.split(' '), '--engine', 'wasm'], { cwd })).toBe(
    'error: The engine wasm computes in float32 only. Leave --precision out, or give --engine webgpu or onnx-webgpu.',
  )
  if (noSoftware) return
  expect(await failure(['sample', ...line.split(' '), '--engine', 'webgpu'], { cwd })).toMatch(
    /float16 is asked for, and shaders have none here .*\. Leave the precision out, or take a card/,
  )
})

test('without classes there are no labels', async () => {
  const classless = '--model classless/model.safetensors --scale 0 --count 5'
  await sample(`${classless} --out classless.npz`)
  const { arr_0, ...others } = await npzArrays(join(cwd, 'classless.npz'))
  expect([arr_0?.shape, others]).toEqual([[5, 4, 4, 1], {}])
  await sample(`${classless} --out numbers/`)
  expect(await readdir(join(cwd, 'numbers'))).toEqual(['0.png', '1.png', '2.png', '3.png', '4.png'])
})

test('colour, and classes called after folders', async () => {
  await sample('--model coloured/model.safetensors --scale 0 --count 2 --out colour')
  expect(await readdir(join(cwd, 'colour'))).toEqual(['0-Left.png', '1-Right.png'])
  expect(decode(await readFile(join(cwd, 'colour/0-Left.png')))).toMatchObject({ width: 4, channels: 3 })
})

const embedded = pretrained.classifier.pathname
test.each([
  [
    '--model denoiser/model.safetensors',
    'error: Guidance needs a classifier, and none was given for this model. Give --classifier FILE, or --scale 0.',
  ],
  [
    '--model classifier/model.safetensors',
    'error: classifier/model.safetensors holds a classifier, not a denoiser. Give a denoiser: a model.safetensors that guided-diffusion train wrote, or a published checkpoint.',
  ],
  [
    '--model denoiser/state.safetensors',
    'error: denoiser/state.safetensors is the state of a training run. Give the model.safetensors beside it.',
  ],
  [
    '--model classless/model.safetensors --scale 0 --classes 1',
    'error: classless/model.safetensors knows no classes. Leave --classes out, or give a --classifier.',
  ],
  [
    '--model classless/model.safetensors --scale 0 --conditional',
    'error: classless/model.safetensors is not told classes. Leave --conditional out.',
  ],
  [
    `--model denoiser/model.safetensors --classifier ${embedded}`,
    `error: denoiser/model.safetensors is made for images of 4 × 4 × 1, ${embedded} for images of 28 × 28 × 1. Guide by a classifier that was trained for the same images and the same schedule.`,
  ],
])('%s', async (line, expected) => {
  expect(await failure(['sample', ...line.split(' ')], { cwd })).toBe(expected)
})
