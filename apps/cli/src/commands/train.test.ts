import { appendFile, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readWeights, toFloat32 } from '@guided-diffusion/checkpoints'
import { beforeAll, describe, expect, test } from 'vitest'
import { failure, interrupted, program, spawnedProgram, temporaryFolder } from '../../testing/program.ts'
import { tinyNetwork, writeIdx } from '../../testing/tiny-images.ts'

const cwd = await temporaryFolder()
beforeAll(async () => {
  await writeIdx(join(cwd, 'data'))
  await writeIdx(join(cwd, 'unlabelled'), { labels: false })
})

const file = (...path: readonly string[]) => readFile(join(cwd, ...path))
const metrics = async (out: string) =>
  (await file(out, 'metrics.jsonl'))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** All numbers of a run's weights. */
async function values(out: string): Promise<number[]> {
  const { tensors } = await readWeights(join(cwd, out, 'model.safetensors'))
  return [...tensors.values()].flatMap((tensor) => [...toFloat32(tensor)])
}

async function train(args: readonly string[], run = program) {
  const outcome = await run(['train', ...args], { cwd })
  expect(outcome).toMatchObject({ code: 0, stderr: expect.stringContaining('engine: wasm') })
  return outcome
}

/** Everything random is in play: flips, dropout, dropped labels, two averages, learned noise levels. */
const denoiser = [
  ...['denoiser', '--data', 'data', '--class-names', 'across,down,aslant', ...tinyNetwork],
  ...['--batch', '3', '--microbatch', '2', '--flip', '0.5', '--dropout', '0.1', '--label-dropout', '0.3'],
  ...['--ema', '0.9,0.99', '--timesteps', 'loss-second-moment', '--clip', '1', '--warmup', '3'],
  ...['--log-every', '1', '--save-every', '2'],
]

describe('a run that was stopped and resumed', () => {
  test('has the very bytes of one that was not; its options are remembered', async () => {
    const whole = await train([...denoiser, '--out', 'whole', '--steps', '5'])
    expect(whole.stdout).toBe('whole/model.safetensors\n')
    await train([...denoiser, '--out', 'parts', '--steps', '3'])
    await train(['denoiser', '--out', 'parts', '--resume', '--steps', '5'], spawnedProgram)
    for (const name of ['state.safetensors', 'model.safetensors', 'config.json'])
      expect((await file('parts', name)).equals(await file('whole', name))).toBe(true)
    const told = (lines: Record<string, unknown>[]) => lines.map(({ samplesPerSecond: _, ...facts }) => facts)
    expect(told(await metrics('parts'))).toEqual(told(await metrics('whole')))
    expect((await metrics('whole')).map(({ step, samples }) => [step, samples])).toEqual(
      [1, 2, 3, 4, 5].map((step) => [step, 3 * step]),
    )
  })

  test('by Ctrl-C: exit code 130, and the bytes of a run that was left alone', async () => {
    const args = [...denoiser, '--out', 'stopped', '--steps', '100000']
    const stopped = await interrupted(['train', ...args], { cwd, when: /training 1\/100000 steps/ })
    expect(stopped).toMatchObject({ code: 130, stdout: '' })
    expect(stopped.stderr).toContain('stopping after this step: it is saved, and --resume goes on from it')
    expect(stopped.stderr).not.toContain('error')
    const { stdout } = await program(['info', 'stopped/state.safetensors', '--json'], { cwd })
    const { step } = JSON.parse(stdout).training
    await train(['denoiser', '--out', 'stopped', '--resume', '--steps', String(step + 1)])
    await train([...denoiser, '--out', 'alone', '--steps', String(step + 1)])
    expect(
      (await file('stopped', 'state.safetensors')).equals(await file('alone', 'state.safetensors')),
    ).toBe(true)
    expect(
      (await file('stopped', 'model.safetensors')).equals(await file('alone', 'model.safetensors')),
    ).toBe(true)
  })

  test('metrics of steps that were not saved are cut off, with what a crash left half-written', async () => {
    await cp(join(cwd, 'whole'), join(cwd, 'crashed'), { recursive: true })
    await appendFile(join(cwd, 'crashed/metrics.jsonl'), '{"step":6,"loss":7}\n{"step":7,"lo')
    await train(['denoiser', '--out', 'crashed', '--resume', '--steps', '6'])
    const lines = await metrics('crashed')
    expect(lines.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(lines[5]?.loss).not.toBe(7)
  })

  test('that has made all its steps is left as it is', async () => {
    const before = await file('whole', 'state.safetensors')
    const { stderr, stdout } = await train(['denoiser', '--out', 'whole', '--resume'])
    expect(stderr).toContain('all 5 steps are made')
    expect(stdout).toBe('whole/model.safetensors\n')
    expect((await file('whole', 'state.safetensors')).equals(before)).toBe(true)
  })

  test.each([
    [
      'denoiser --data data --out whole',
      'error: whole holds a training run already. Go on with it by --resume, or name another folder.',
    ],
    [
      'denoiser --out whole --resume --batch 4',
      'error: The run in whole has batch 3, not 4. Leave it out, or begin another run in another folder.',
    ],
    [
      'denoiser --out whole --resume --min-snr 5',
      'error: The run in whole has minSnr unset, not 5. Leave it out, or begin another run in another folder.',
    ],
    [
      'denoiser --out whole --resume --steps 4',
      'error: The run in whole has made 5 steps already, more than 4. --steps counts those of the whole run: give a larger number to go on.',
    ],
    [
      'classifier --out whole --resume',
      'error: The run in whole trains a unet, not a classifier. Name the folder of the run that is to go on.',
    ],
    [
      'denoiser --data data --out nowhere --resume',
      'error: There is no run to resume in nowhere. Leave --resume out to begin one.',
    ],
  ])('%s', async (line, expected) => {
    expect(await failure(['train', ...line.split(' ')], { cwd })).toBe(expected)
  })

  test('a damaged state or config is named', async () => {
    const resume = (out: string) =>
      failure(['train', 'denoiser', '--out', out, '--resume', '--steps', '9'], { cwd })
    for (const out of ['cut', 'weights', 'config'])
      await cp(join(cwd, 'whole'), join(cwd, out), { recursive: true })
    await writeFile(
      join(cwd, 'cut/state.safetensors'),
      (await file('whole', 'state.safetensors')).subarray(0, 99_999),
    )
    await writeFile(join(cwd, 'weights/state.safetensors'), await file('whole', 'model.safetensors'))
    await writeFile(join(cwd, 'config/config.json'), '{"kind": "un')
    expect(await resume('cut')).toMatch(/^error: cut\/state\.safetensors is cut off: it has 99999 bytes, /)
    expect(await resume('weights')).toBe(
      'error: weights/state.safetensors cannot be resumed from: it is not a training state. Give the state.safetensors of a run folder; weights alone cannot be resumed from.',
    )
    expect(await resume('config')).toBe(
      'error: config/config.json does not hold the options of a run. Restore it, or begin another run with --init of the weights beside it.',
    )
  })
})

describe('a fresh run', () => {
  test('writes what it is: config, metrics, weights that tell of themselves', async () => {
    await train([...denoiser, '--out', 'fresh', '--steps', '1', '--prediction', 'v', '--schedule', 'linear'])
    expect((await readdir(join(cwd, 'fresh'))).sort()).toEqual([
      'config.json',
      'metrics.jsonl',
      'model.safetensors',
      'state.safetensors',
    ])
    const config = JSON.parse((await file('fresh', 'config.json')).toString())
    expect(config).toMatchObject({ kind: 'unet', data: 'data', batch: 3, ema: [0.9, 0.99], prediction: 'v' })
    const [line] = await metrics('fresh')
    expect(line).toMatchObject({ step: 1, samples: 3, learningRate: 5e-4 / 3 })
    expect(line?.loss).toBeGreaterThan(0.1)
    const { stdout } = await program(['info', 'fresh/model.safetensors', '--json'], { cwd })
    expect(JSON.parse(stdout)).toMatchObject({
      dtypes: { float16: 71 },
      network: {
        kind: 'unet',
        config: { size: 4, inChannels: 1, classes: 3, nullClass: true, dropout: 0.1 },
      },
      diffusion: { schedule: 'linear', steps: 1000, prediction: 'v', variance: 'learned-range' },
      classes: ['across', 'down', 'aslant'],
    })
  })

  test('begins with the weights of --init', async () => {
    const options = [...denoiser, '--steps', '1', '--learning-rate', '1e-12']
    await train([...options, '--out', 'begun', '--init', 'whole/model.safetensors'])
    await train([...options, '--out', 'unborn'])
    const whole = await values('whole')
    // so small a step leaves weights and averages at the float16 numbers where they began
    expect((await values('begun')).findIndex((value, i) => value !== whole[i])).toBe(-1)
    expect((await values('unborn')).findIndex((value, i) => value !== whole[i])).toBeGreaterThanOrEqual(0)
  })

  test('learns a classifier that knows its images', async () => {
    const options = ['--data', 'data', '--out', 'classifier', '--batch', '24', '--warmup', '0']
    const pace = ['--diffusion-steps', '20', '--learning-rate', '0.002', '--steps', '20', '--log-every', '10']
    await train(['classifier', ...options, ...pace, ...tinyNetwork])
    const lines = await metrics('classifier')
    expect(lines.map(({ step }) => step)).toEqual([10, 20])
    // chance: log 3 = 1.1 and a third
    expect(lines[1]?.lossByQuarter).toSatisfy(([least]: number[]) => least !== undefined && least < 0.6)
    expect(lines[1]?.accuracy).toBeGreaterThan(0.6)
  })

  test.each([
    ['denoiser --out x', 'error: There is nothing to train on. Name a folder of images by --data.'],
    [
      'denoiser --data nowhere --out x',
      'error: There is no folder nowhere. Give a folder of images, or one with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.',
    ],
    [
      'classifier --data unlabelled --out x --engine wasm',
      'error: The images in unlabelled have no classes. Put those of a class in a folder of their own, or add the file of labels.',
    ],
    [
      'denoiser --data data --out x --engine wasm --multipliers 1,1,1,1',
      'error: size is 4, expected a multiple of 8, since 4 levels halve it 3 times. Use fewer multipliers, or resize the images.',
    ],
    [
      'denoiser --data data --out x --engine wasm --anneal cosine --steps 5',
      'error: steps is 5, expected more steps than the warm-up of 300. Annealing needs to know how long the run is.',
    ],
    [
      'denoiser --data data --out data/train-labels-idx1-ubyte',
      'error: data/train-labels-idx1-ubyte/state.safetensors cannot be written: FOLDER/data/train-labels-idx1-ubyte is not a folder. Name a place that may be written to and has room.',
    ],
  ])('%s', async (line, expected) => {
    const found = await failure(['train', ...line.split(' ')], { cwd })
    expect(found.replace(/\S*\/guided-diffusion-cli-\w+/, 'FOLDER')).toBe(expected)
  })

  test('weights of another network are not begun with', async () => {
    const args = ['train', 'denoiser', '--data', 'data', '--out', 'x', ...tinyNetwork]
    expect(await failure([...args, '--init', 'whole/model.safetensors', '--width', '64'], { cwd })).toMatch(
      /^error: whole\/model\.safetensors has the weights of another network than these options make\. The weights do not fit .* guided-diffusion info shows them\.$/,
    )
  })
})
