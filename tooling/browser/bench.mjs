/**
 * Times the engines in Chromium: a guided step of the embedded networks; one pass of the denoiser and one convolution,
 * beside jax-js.
 *
 *   node tooling/browser/bench.mjs [--webgpu] [--images N] [--only guided|pass|convolution] [--json FILE]
 *
 * With `--webgpu` those on WebGPU too, which wants a graphics card: software that stands in for one takes minutes, and few
 * images. Outputs of the pass that differ by more than 10⁻³ of the largest are an error.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const { values } = parseArgs({
  options: {
    webgpu: { type: 'boolean', default: false },
    images: { type: 'string', default: '10' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
})
const images = Number(values.images)
if (!(Number.isInteger(images) && images > 0))
  throw new Error(`--images is ${values.images}, expected a positive integer`)

const tables = { guided, pass, convolution }
const chosen = Object.entries(tables).filter(([name]) => !values.only || values.only === name)
if (chosen.length === 0)
  throw new Error(`--only is ${values.only}, expected ${Object.keys(tables).join(', ')}`)

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const { browserForTests, launchBrowser, openPage, serveSource } = (await runnerImport(here('index.ts')))
  .module

const path = browserForTests()
if (!path) process.exit(1)
const served = await serveSource(here('page'))
const browser = await launchBrowser(path)

/** A page of its own for each: nothing of one engine slows another. */
async function inPage(call, ...args) {
  const { page } = await openPage(browser, served.address)
  await page.waitForFunction(() => 'engines' in globalThis)
  try {
    return await page.evaluate(call, ...args)
  } catch (error) {
    return { error: error.message.split('\n')[0] }
  } finally {
    await page.close()
  }
}

const engines = ['stock-wasm', 'wasm', 'onnx-wasm', ...(values.webgpu ? ['webgpu', 'onnx-webgpu'] : [])]
const libraries = [...engines, 'jax-wasm', ...(values.webgpu ? ['jax-webgpu'] : [])]
const milliseconds = (seconds) => `${(seconds * 1000).toFixed(1)} ms`
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const heading = (...cells) => {
  row(...cells)
  row(...cells.map(() => '---'))
}

async function guided() {
  const labels = Array.from({ length: images }, (_, i) => i % 10)
  heading('guided step', '', 'first', 'step', 'times stock')
  const results = []
  for (const engine of engines) {
    const result = await inPage(
      ([name, how]) => globalThis.engines.sample(name, how),
      [engine, { labels, steps: 6 }],
    )
    const [first, ...rest] = result.seconds ?? []
    rest.sort((a, b) => a - b)
    const step = rest[rest.length >> 1]
    results.push({ engine, description: result.description ?? result.error, first, step })
    if (step === undefined) row(engine, result.error, '', '', '')
    else
      row(
        engine,
        result.description,
        milliseconds(first),
        milliseconds(step),
        (results[0].step / step).toFixed(2),
      )
  }
  return results
}

async function pass() {
  heading('pass', 'first', 'time', 'times stock', 'difference')
  const results = []
  for (const library of libraries) {
    const call = ([name, count]) => globalThis.engines.pass(name, count)
    results.push({ library, ...(await inPage(call, [library, images])) })
  }
  const [stock, ours] = results
  return results.map(({ output, ...result }) => {
    const { library, first, seconds, error } = result
    if (error) {
      row(library, error, '', '', '')
      return result
    }
    const difference = farthest(output, ours.output)
    if (difference > 1e-3) process.exitCode = 1
    const times = (stock.seconds / seconds).toPrecision(3)
    row(library, milliseconds(first), milliseconds(seconds), times, difference.toExponential(0))
    return { ...result, difference }
  })
}

/** The largest difference from `expected`, by its largest magnitude. */
function farthest(values, expected) {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / largest
}

async function convolution() {
  heading('convolution', 'time', 'GFLOP/s')
  const results = []
  for (const library of libraries) {
    const result = await inPage((name) => globalThis.engines.convolve(name), library)
    results.push({ library, ...result })
    const { seconds, gflops, error } = result
    if (error) row(library, error, '')
    else row(library, milliseconds(seconds), gflops.toFixed(1))
  }
  return results
}

const results = {}
for (const [name, run] of chosen) {
  results[name] = await run()
  console.log()
}
if (values.json) await writeFile(values.json, JSON.stringify({ images, ...results }, null, 2))
await browser.close()
await served.close()
