/**
 * Writes .onnx files by `guided-diffusion export`, the numbers that they must give, computed eagerly, and lets `check.py`
 * judge them with ONNX's own checker and ONNX Runtime of Python.
 *
 *   node tooling/onnx/run.mjs [--python PYTHON]
 *
 * Without a Python that has onnx, onnxruntime and numpy it sets one up, with venv and pip, in a folder that goes with the
 * rest. The packages are those of the command-line program, built.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({ options: { python: { type: 'string' } } })
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-onnx-'))

/** Runs a program; its failure is this one's. */
function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${status}`)
}

function python() {
  if (options.python) return options.python
  run('python3', ['-m', 'venv', join(folder, 'python')])
  const own = join(folder, 'python', 'bin', 'python')
  run(own, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--retries',
    '1',
    'onnx==1.23.1',
    'onnxruntime==1.30.0',
    'numpy==2.4.6',
  ])
  return own
}

const { resolve } = createRequire(new URL('../../apps/cli/package.json', import.meta.url))
const load = (name) => import(resolve(name))
const tf = await load('@tensorflow/tfjs-core')
const { startBackend } = await load('@guided-diffusion/backends')
const { wasm } = await load('@guided-diffusion/backends/wasm')
const { saveNpz } = await load('@guided-diffusion/checkpoints')
const { loadClassifier } = await load('@guided-diffusion/classifier')
const { ddim, describedDiffusion, generate, initialNoise, sample } = await load('@guided-diffusion/diffusion')
const { classifierGuidance, unconditional } = await load('@guided-diffusion/guidance')
const { loadUNet } = await load('@guided-diffusion/models')
const pretrained = await load('@guided-diffusion/pretrained-fashion-mnist')

const batch = 2
const cases = []

/** Writes the file of a case and its arrays. @param arrays name → tensor. */
async function add(name, args, arrays, { kind = 'values', tolerance = 1e-5 } = {}) {
  const file = `${name}.onnx`
  run(process.execPath, [
    here('../../apps/cli/dist/main.js'),
    'export',
    ...args,
    '--batch',
    batch,
    '--out',
    join(folder, file),
  ])
  const data = new Map()
  for (const [key, tensor] of Object.entries(arrays)) {
    const { shape, dtype } = tensor
    data.set(key, { dtype, shape, data: await tensor.data() })
  }
  await saveNpz(join(folder, `${name}.npz`), data)
  cases.push({ name, kind, file, arrays: `${name}.npz`, tolerance })
}

/** `{ in/a, out/b }` of what goes in and what comes out. */
const named = (inputs, outputs) =>
  Object.fromEntries([
    ...Object.entries(inputs).map(([name, tensor]) => [`in/${name}`, tensor]),
    ...Object.entries(outputs).map(([name, tensor]) => [`out/${name}`, tensor]),
  ])

try {
  await startBackend([wasm()])
  const unet = await loadUNet(pretrained.denoiser)
  const classifier = await loadClassifier(pretrained.classifier)
  const [height, width, channels] = pretrained.shape
  const x = tf.randomNormal([batch, height, width, channels], 0, 1, 'float32', 1)
  const t = tf.tensor1d([500, 20])
  const labels = tf.tensor1d([7, 3], 'int32')

  const told = { x, t, labels }
  const denoised = named(told, { output: unet.forward(x, t, labels) })
  await add('denoiser', ['--what', 'denoiser'], denoised)
  await add('denoiser-beside', ['--what', 'denoiser', '--weights', 'beside'], denoised)
  // the weights are float16 already, and stay what they are
  await add('denoiser-float16', ['--what', 'denoiser', '--dtype', 'float16'], denoised)
  await add('classifier', ['--what', 'classifier'], named({ x, t }, { logits: classifier.logits(x, t) }))
  const gradient = named(told, { gradient: classifier.gradient(x, t, labels) })
  await add('gradient', ['--what', 'gradient'], gradient, { tolerance: 5e-5 })

  const sampling = {
    diffusion: describedDiffusion(pretrained.diffusion, 'ddim5'),
    denoiser: unconditional(unet),
    sampler: ddim(),
    guidance: classifierGuidance(classifier, { scale: 4 }),
    shape: pretrained.shape,
    labels: [7, 3],
    seed: 1,
  }
  let step
  const observed = sample({
    ...sampling,
    execute: async (fn, inputs) => {
      const outputs = fn(inputs)
      step = named(
        Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tf.clone(tensor)])),
        {
          xNext: tf.clone(outputs.x),
          xStart: tf.clone(outputs.xStart),
          gradient: tf.clone(outputs.gradient),
        },
      )
      return outputs
    },
  })
  for await (const _ of observed) break
  const stepped = ['--what', 'step', '--scale', '4', '--steps', '5']
  await add('step', stepped, step, { tolerance: 5e-5 })
  const run5 = {
    x: initialNoise(sampling.seed, [0, 1], sampling.shape),
    labels,
    images: await generate(sampling),
  }
  await add('loop', stepped, run5, { kind: 'loop', tolerance: 1e-4 })

  await writeFile(join(folder, 'cases.json'), JSON.stringify(cases))
  run(python(), [here('check.py'), folder])
} finally {
  await rm(folder, { recursive: true, force: true })
}
