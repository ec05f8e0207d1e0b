/**
 * Times the engines in Chromium: a guided step of the embedded networks, ten images; and one convolution, beside jax-js.
 *
 *   node tooling/browser/bench.mjs [--webgpu] [--json FILE]
 *
 * With `--webgpu` those on WebGPU too, which wants a graphics card.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const { values } = parseArgs({ options: { webgpu: { type: 'boolean' }, json: { type: 'string' } } })
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

const labels = Array.from({ length: 10 }, (_, i) => i)
const onGpu = values.webgpu === true
const steps = onGpu ? 10 : 6
const guided = []
for (const engine of ['stock-wasm', 'wasm', 'onnx-wasm', ...(onGpu ? ['webgpu', 'onnx-webgpu'] : [])]) {
  const result = await inPage(
    ([name, how]) => globalThis.engines.sample(name, how),
    [engine, { labels, steps }],
  )
  const [first, ...rest] = result.seconds ?? []
  rest.sort((a, b) => a - b)
  guided.push({
    engine,
    description: result.description ?? result.error,
    first,
    step: rest[Math.floor(rest.length / 2)],
  })
  console.error(guided.at(-1))
}
const stock = guided[0].step
const rows = guided.map(({ engine, description, first, step }) =>
  step === undefined
    ? `| ${engine} | ${description} | | | |`
    : `| ${engine} | ${description} | ${first.toFixed(2)} s | ${(step * 1000).toFixed(0)} ms | ${(stock / step).toFixed(2)} |`,
)
console.log('| engine | | first step | step | times stock |\n| --- | --- | --- | --- | --- |')
console.log(`${rows.join('\n')}\n`)

const convolution = []
for (const engine of [
  'stock-wasm',
  'onnx-wasm',
  'jax-wasm',
  ...(onGpu ? ['webgpu', 'onnx-webgpu', 'jax-webgpu'] : []),
]) {
  const result = await inPage((name) => globalThis.engines.convolve(name), engine)
  convolution.push({ engine, ...result })
}
console.log('| convolution | time | GFLOP/s |\n| --- | --- | --- |')
for (const { engine, seconds, gflops, error } of convolution)
  console.log(
    error
      ? `| ${engine} | ${error} | |`
      : `| ${engine} | ${(seconds * 1000).toFixed(1)} ms | ${gflops.toFixed(1)} |`,
  )

if (values.json) await writeFile(values.json, JSON.stringify({ guided, convolution }, null, 2))
await browser.close()
await served.close()
