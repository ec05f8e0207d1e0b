/**
 * Samples a published model as the command-line program does (its engine, its noise) and keeps what a comparison needs:
 * the noise that went in, and x, x̂_0 and the gradient after every step, as float32. `compare.py` repeats the steps with
 * PyTorch.
 *
 *   node tooling/published/trace.mjs FILE.pt TRACE.safetensors [--classifier FILE.pt] [--scale 1] [--steps 3]
 *     [--labels 207,88] [--input SMALL.npz] [--seed 1] [--engine onnx]
 *
 * `apps/cli` must be built. `sample --classes 207,88 --count 2 --seed 1` makes the same pictures; for an upsampler
 * `upsample --input SMALL.npz`, whose labels are taken.
 */
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    classifier: { type: 'string' },
    scale: { type: 'string', default: '1' },
    steps: { type: 'string', default: '3' },
    labels: { type: 'string', default: '207' },
    input: { type: 'string' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'onnx' },
  },
})
const [path, out] = positionals
if (!out) {
  console.error(
    'node tooling/published/trace.mjs FILE.pt TRACE.safetensors [--classifier FILE.pt] [--steps 3] …',
  )
  process.exit(2)
}

const program = new URL('../../apps/cli/', import.meta.url)
const { resolve } = createRequire(new URL('package.json', program))
const load = (name) => import(resolve(name))
const { openWeights, readWeights, saveSafetensors } = await load('@guided-diffusion/checkpoints')
const { inferNetwork, loadSuperResolutionUNet, loadUNet, publishedModels, recognizePublished } =
  await load('@guided-diffusion/models')
const { loadClassifier } = await load('@guided-diffusion/classifier')
const { ddpm, describedDiffusion, initialNoise, sample, stepNoise } = await load(
  '@guided-diffusion/diffusion',
)
const { classifierGuidance, unconditional } = await load('@guided-diffusion/guidance')
const tf = await load('@tensorflow/tfjs-core')
const { startEngine } = await import(new URL('dist/engine.js', program))

const engine = await startEngine(options.engine)

const reader = await openWeights(path)
const shapes = new Map([...reader.tensors].map(([name, { shape }]) => [name, shape]))
await reader.close()
const names = recognizePublished(shapes)
const name = names.find((each) => basename(path).startsWith(each)) ?? names[0]
if (!name) throw new Error(`${path} has not the names and shapes of a published checkpoint.`)
const { kind, config } = inferNetwork(shapes)
const { size, classes } = config
const upscales = kind === 'super-resolution'
if (upscales && !options.input) throw new Error('An upsampler needs --input SMALL.npz, as sample writes it.')

const began = performance.now()
const network = upscales ? await loadSuperResolutionUNet(path) : await loadUNet(path)
const classifier = options.classifier ? await loadClassifier(options.classifier) : undefined
const loaded = performance.now()

const small = upscales ? (await readWeights(options.input)).tensors : undefined
const labels = small
  ? Array.from(small.get('arr_1').data, Number)
  : classes === undefined && !classifier
    ? []
    : options.labels.split(',').map(Number)
const count = Math.max(1, labels.length)
const seed = Number(options.seed)
// the program gives upsampled pictures noise of their own
const samples = Array.from({ length: count }, (_, i) => (upscales ? 2 ** 32 : 0) + i)
const shape = [size, size, 3]
const diffusion = describedDiffusion(publishedModels[name].diffusion, options.steps)

const tensors = new Map()
const keep = async (key, tensor) =>
  tensors.set(key, {
    dtype: 'float32',
    shape: tensor.shape,
    data: Float32Array.from(await tensor.data()),
  })

let low
if (small) {
  const { shape: all, data } = small.get('arr_0')
  low = tf.tensor4d(
    Float32Array.from(data, (value) => value / 127.5 - 1),
    all,
  )
  await keep('low', low)
}
const start = initialNoise(seed, samples, shape)
await keep('start', start)
for (let t = 1; t < diffusion.schedule.steps; t++) {
  const noise = stepNoise(seed, samples, t, shape)
  await keep(`noise.${t}`, noise)
  noise.dispose()
}

const steps = engine.steps({
  weights: [network.parameters, ...(classifier ? [classifier.parameters] : [])],
})
const times = []
let last = performance.now()
for await (const step of sample({
  diffusion,
  denoiser: low ? network.upscaling(low) : classes === undefined ? unconditional(network) : network,
  sampler: ddpm(),
  ...(classifier ? { guidance: classifierGuidance(classifier, { scale: Number(options.scale) }) } : {}),
  shape,
  seed,
  samples,
  ...(labels.length > 0 ? { labels } : {}),
  ...(steps ? { execute: steps.execute } : {}),
})) {
  await keep(`x.${step.t}`, step.x)
  await keep(`xStart.${step.t}`, step.xStart)
  if (step.gradient) await keep(`gradient.${step.t}`, step.gradient)
  times.push((performance.now() - last) / 1000)
  last = performance.now()
  console.error(`step ${step.index + 1}/${step.total}: ${times.at(-1).toFixed(1)} s`)
}
await steps?.dispose()

await saveSafetensors(
  out,
  { tensors },
  {
    metadata: {
      name,
      model: path,
      classifier: options.classifier ?? '',
      scale: options.scale,
      labels: JSON.stringify(labels),
      timesteps: JSON.stringify(Array.from(diffusion.schedule.timesteps)),
      schedule: publishedModels[name].diffusion.schedule,
    },
  },
)
const told = times.map((seconds) => seconds.toFixed(1)).join(', ')
console.log(
  `${name}, ${engine.name}, ${engine.description}: loaded in ${((loaded - began) / 1000).toFixed(1)} s, ` +
    `steps ${told} s, peak ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GiB`,
)
