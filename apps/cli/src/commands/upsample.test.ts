import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readWeights, saveNpz, type WeightTensor } from '@guided-diffusion/checkpoints'
import { beforeAll, describe, expect, test } from 'vitest'
import { cacheHome, failure, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'
import { tinyNetwork, writeIdx } from '../../testing/tiny-images.ts'
import { writeUpsampler } from '../../testing/tiny-upsampler.ts'

const cwd = await temporaryFolder()
const array = async (name: string, key = 'arr_0') => (await readWeights(join(cwd, name))).tensors.get(key)

async function run(line: string, start = program, engine = 'wasm') {
  const { code, stderr } = await start([...line.split(' '), '--engine', engine], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`engine: ${engine}`) })
}

const bytes = (shape: readonly number[]): WeightTensor => {
  const length = shape.reduce((product, size) => product * size, 1)
  return { dtype: 'uint8', shape, data: Uint8Array.from({ length }, (_, i) => (i * 37) & 255) }
}
const labels = (values: readonly bigint[]): WeightTensor => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values),
})

beforeAll(async () => {
  await writeUpsampler(join(cwd, 'up.safetensors'))
  await mkdir(join(cwd, 'cache'))
  await copyFile(join(cwd, 'up.safetensors'), join(cwd, 'cache', '64_256_upsampler.pt'))
  await saveNpz(
    join(cwd, 'small.npz'),
    new Map([
      ['arr_0', bytes([3, 4, 4, 1])],
      ['arr_1', labels([2n, 0n, 1n])],
    ]),
  )
  await saveNpz(join(cwd, 'classless.npz'), new Map([['arr_0', bytes([3, 4, 4, 1])]]))
  await saveNpz(
    join(cwd, 'fourth.npz'),
    new Map([
      ['arr_0', bytes([1, 4, 4, 1])],
      ['arr_1', labels([3n])],
    ]),
  )
  await saveNpz(
    join(cwd, 'coloured.npz'),
    new Map([
      ['arr_0', bytes([1, 4, 4, 3])],
      ['arr_1', labels([0n])],
    ]),
  )
  await saveNpz(
    join(cwd, 'large.npz'),
    new Map([
      ['arr_0', bytes([1, 8, 8, 1])],
      ['arr_1', labels([0n])],
    ]),
  )
  await saveNpz(
    join(cwd, 'floats.npz'),
    new Map([['arr_0', { dtype: 'float32', shape: [1], data: new Float32Array(1) }]]),
  )
  await writeIdx(join(cwd, 'data'))
  await run(
    `train denoiser --data data --class-names Across,Down,Aslant --out denoiser --steps 1 --batch 2 ${tinyNetwork.slice(0, -2).join(' ')}`,
  )
})

test('pictures of twice the size, with their labels, the same in any batch', async () => {
  await run('upsample --model up.safetensors --input small.npz --steps 3 --out a.npz')
  const whole = await array('a.npz')
  expect(whole).toMatchObject({ dtype: 'uint8', shape: [3, 8, 8, 1] })
  expect((await array('a.npz', 'arr_1'))?.data).toEqual(BigInt64Array.of(2n, 0n, 1n))
  await run(
    'upsample --model up.safetensors --input small.npz --steps 3 --batch 2 --out b.npz',
    spawnedProgram,
  )
  expect(await array('b.npz')).toEqual(whole)
  await run('upsample --model up.safetensors --input small.npz --steps 3 --count 2 --out c.npz')
  expect((await array('c.npz'))?.data).toEqual(whole?.data.slice(0, 128))
  await run('upsample --model up.safetensors --input small.npz --steps 3 --seed 2 --out d.npz')
  expect((await array('d.npz'))?.data).not.toEqual(whole?.data)
})

test('as graphs that point into the file, one for batches of a size, within a grey level', async () => {
  const line = 'upsample --model up.safetensors --input small.npz --steps 3 --batch 1'
  await run(`${line} --out eager.npz`)
  const graphs = async () => {
    const entries = await readdir(join(cacheHome, 'guided-diffusion/graphs'), { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory())
  }
  const before = await graphs().catch(() => [])
  await run(`${line} --out graphs.npz`, program, 'onnx')
  const [eager, made] = await Promise.all(
    ['eager.npz', 'graphs.npz'].map(async (name) => Array.from((await array(name))?.data ?? [], Number)),
  )
  expect(made).toHaveLength(3 * 64)
  for (const [i, level] of (eager as number[]).entries())
    expect(Math.abs(level - (made?.[i] as number))).toBeLessThan(2)
  expect((await graphs()).length).toBe(before.length + 1)
})

test('DDIM, and a model by its published name', async () => {
  await run(
    'upsample --model 64_256_upsampler --cache cache --input small.npz --sampler ddim --steps 4 --out e.npz',
  )
  expect((await array('e.npz'))?.shape).toEqual([3, 8, 8, 1])
})

test('what the network takes for the picture is kept in [−1, 1], unless it is told not to', async () => {
  const line = 'upsample --model up.safetensors --input small.npz --count 1 --steps 3'
  await run(`${line} --out clipped.npz`)
  await run(`${line} --no-clip --out free.npz`)
  expect((await array('free.npz'))?.data).not.toEqual((await array('clipped.npz'))?.data)
})

test('a cascade in one command gives what two commands give', async () => {
  const model = '--model denoiser/model.safetensors --scale 0 --count 3 --steps 2 --seed 5'
  await run(`sample ${model} --out base.npz`)
  await run('upsample --model up.safetensors --input base.npz --steps 3 --seed 5 --out two.npz')
  await run(`sample ${model} --upsample up.safetensors --upsample-steps 3 --out one.npz`)
  for (const key of ['arr_0', 'arr_1'])
    expect(await array('one.npz', key)).toEqual(await array('two.npz', key))
})

describe('what does not fit is said before anything is computed', () => {
  test.each([
    [
      '--input classless.npz',
      'error: up.safetensors is told the class of each picture, one of 3, and classless.npz has no labels. Give an npz with the labels as arr_1, as sample writes it.',
    ],
    [
      '--input fourth.npz',
      'error: up.safetensors is told the class of each picture, one of 3, and a label in fourth.npz is 3. Give an npz',
    ],
    [
      '--input coloured.npz',
      'error: coloured.npz has pictures of 3 channels, up.safetensors takes 1. Take the upsampler',
    ],
    [
      '--input large.npz',
      'error: large.npz has pictures of 8 × 8, up.safetensors makes pictures of 8 × 8 of smaller square ones. Take',
    ],
    ['--input floats.npz', 'error: floats.npz has no pictures: arr_0 is float32 [1]. Give an npz'],
    ['--input nothing.npz', 'error: nothing.npz cannot be read: there is no such file.'],
    ['--input small.npz --out a.jpg', 'error: a.jpg is neither a PNG, an npz nor a folder.'],
  ])('%s', async (line, expected) => {
    const before = await readdir(cwd)
    expect(await failure(['upsample', '--model', 'up.safetensors', ...line.split(' ')], { cwd })).toContain(
      expected,
    )
    expect(await readdir(cwd)).toEqual(before)
  })

  test('a denoiser is no upsampler, nor the other way round', async () => {
    expect(
      await failure('upsample --model denoiser/model.safetensors --input small.npz'.split(' '), { cwd }),
    ).toContain('error: denoiser/model.safetensors holds a denoiser, not an upsampler.')
    expect(await failure('sample --model up.safetensors'.split(' '), { cwd })).toContain(
      'error: up.safetensors holds an upsampler, not a denoiser.',
    )
  })
})
