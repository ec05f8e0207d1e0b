/**
 * Samples a published model by the packages of this project and keeps what a comparison needs: the noise that went in,
 * and x, x̂_0 and the gradient after every step, as float32. `compare.py` repeats the steps with PyTorch.
 *
 *   node tooling/published/trace.mjs FILE.pt TRACE.safetensors [--classifier FILE.pt] [--scale 1] [--steps 3]
 *     [--labels 207] [--low-size 64] [--seed 1] [--engine tensorflow]
 *
 * The packages are those of the command-line program, built. For an upsampler a small picture is made from the seed.
 */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    classifier: { type: 'string' },
    scale: { type: 'string', default: '1' },
    steps: { type: 'string', default: '3' },
    labels: { type: 'string', default: '207' },
    'low-size': { type: 'string' },
    seed: { type: 'string', default: '1' },
    engine: { type: 'string', default: 'tensorflow' },
  },
})
const [path, out] = positionals
if (!out) {
  console.error(
    'node tooling/published/trace.mjs FILE.pt TRACE.safetensors [--classifier FILE.pt] [--steps 3] …',
  )
  process.exit(2)
}

const { resolve } = createRequire(new URL('../../apps/cli/package.json', import.meta.url))
const load = (name) => import(resolve(name))
const { openWeights, saveSafetensors } = await load('@guided-diffusion/checkpoints')
const { inferNetwork, loadSuperResolutionUNet, loadUNet, publishedModels, recognizePublished } =
  await load('@guided-diffusion/models')
const { loadClassifier } = await load('@guided-diffusion/classifier')
const { ddpm, describedDiffusion, sample } = await load('@guided-diffusion/diffusion')
const { classifierGuidance } = await load('@guided-diffusion/guidance')
const { normal, streamOf } = await load('@guided-diffusion/random')
const { startBackend } = await load('@guided-diffusion/backends')
const tf = await load('@tensorflow/tfjs-core')

const driver = await load(`@guided-diffusion/backends/${options.engine}`)
const engine = await startBackend([driver[options.engine]()])

const reader = await openWeights(path)
const shapes = new Map([...reader.tensors].map(([name, { shape }]) => [name, shape]))
await reader.close()
const [name] = recognizePublished(shapes)
const { kind, config } = inferNetwork(shapes)
const { size, classes } = config

const began = performance.now()
const network = kind === 'unet' ? await loadUNet(path) : await loadSuperResolutionUNet(path)
const classifier = options.classifier ? await loadClassifier(options.classifier) : undefined
const loaded = performance.now()

const seed = Number(options.seed)
const labels = classes === undefined && !classifier ? [] : options.labels.split(',').map(Number)
const count = Math.max(1, labels.length)
const diffusion = describedDiffusion(publishedModels[name].diffusion, options.steps)
const tensors = new Map()
const keep = (key, shape, data) =>
  tensors.set(key, { dtype: 'float32', shape, data: Float32Array.from(data) })
const noiseOf = (stream, side = size) => {
  const shape = [count, side, side, 3]
  const values = new Float32Array(count * side * side * 3)
  for (let i = 0; i < count; i++)
    values.set(
      normal({ seed, stream: streamOf(stream), index: i }, values.length / count),
      (i * values.length) / count,
    )
  return tf.tensor4d(values, shape)
}

let low
if (kind === 'super-resolution') {
  const side = Number(options['low-size'] ?? size / 4)
  low = tf.tidy(() => tf.tanh(noiseOf('published: small picture', side)))
  keep('low', low.shape, await low.data())
}
const start = noiseOf('published: x_T')
keep('start', start.shape, await start.data())

// a network that is not told the class gets none, whatever the classifier is told
const forward = (x, t, y) => network.forward(x, t, classes === undefined ? undefined : y)
const denoiser = low ? network.upscaling(low) : { forward }
const times = []
let last = performance.now()
for await (const step of sample({
  diffusion,
  denoiser,
  sampler: ddpm(),
  ...(classifier ? { guidance: classifierGuidance(classifier, { scale: Number(options.scale) }) } : {}),
  shape: [size, size, 3],
  seed,
  start,
  ...(labels.length > 0 ? { labels } : {}),
  noise: (t) => {
    const noise = noiseOf(`published: step ${t}`)
    keep(`noise.${t}`, noise.shape, noise.dataSync())
    return noise
  },
})) {
  keep(`x.${step.t}`, step.x.shape, await step.x.data())
  keep(`xStart.${step.t}`, step.xStart.shape, await step.xStart.data())
  if (step.gradient) keep(`gradient.${step.t}`, step.gradient.shape, await step.gradient.data())
  times.push((performance.now() - last) / 1000)
  last = performance.now()
  console.error(`step ${step.index + 1}/${step.total}: ${times.at(-1).toFixed(1)} s`)
}

const { maxRSS } = process.resourceUsage()
const facts = {
  name,
  engine: `${engine.name}, ${engine.description}`,
  loadSeconds: (loaded - began) / 1000,
  stepSeconds: times,
  peakBytes: maxRSS * 1024,
}
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
console.log(JSON.stringify(facts, null, 2))
