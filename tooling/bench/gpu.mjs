/**
 * Times the engines that compute on a graphics card beside TensorFlow.js as it comes and PyTorch, all on the same card.
 *
 *   pnpm bench:gpu [CASE…] [--json FILE] [--python PATH] [--rounds N] [--kernels] [--networks] [--sides LIST]
 *
 * Kernels are convolutions, attention and GroupNorm, each beside the same without kernels of ours. Seconds are the fastest
 * of the rounds.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { commandLine, outputPath } from './command-line.mjs'
import { gpuEngines } from './engines.mjs'
import { gpuCases } from './gpu-cases.mjs'
import { measureKernels } from './gpu-kernels.mjs'
import { requireSameNetworks } from './measure.mjs'
import { startPeer } from './peer.mjs'

const usage = `usage: pnpm bench:gpu [CASE…] [--json FILE] [--python PATH] [--rounds N] [--kernels] [--networks] [--sides LIST]

${gpuCases.map(({ name, what }) => `  ${name.padEnd(26)} ${what}`).join('\n')}`

/** A stock engine trains and differentiates too slowly or not at all; a pass is what it can do. */
const stock = {
  name: 'TensorFlow.js',
  runs: ({ config }) => config.network !== undefined && config.labels !== undefined,
  start: ({ config }) =>
    startPeer(process.execPath, 'peers/tensorflow-js.mjs', { ...config, backend: 'webgpu' }),
}

const ours = Object.keys(gpuEngines).map((engine) => ({
  name: engine,
  runs: (bench) => bench.engine !== 'tensorflow' || engine === 'webgpu',
  start: (bench) => startPeer(process.execPath, 'peers/ours.mjs', { case: bench.name, engine }),
}))

const pytorch = [
  ['PyTorch float32', { tf32: false }],
  ['PyTorch TF32', { tf32: true }],
].map(([name, options]) => ({
  name,
  runs: () => true,
  start: ({ script, config }, { python, threads }) =>
    startPeer(python, `pytorch/${script}`, { ...config, threads, device: 'cuda', ...options }),
}))

const allSides = [stock, ...ours, ...pytorch]

/** Those of a list of names. */
function sidesOf(list) {
  if (list === undefined) return allSides
  const names = list.split(',').map((name) => name.trim())
  const wrong = names.find((each) => !allSides.some(({ name }) => name === each))
  if (wrong !== undefined)
    throw new Error(`--sides has ${wrong}, expected some of ${allSides.map(({ name }) => name).join(', ')}`)
  return allSides.filter(({ name }) => names.includes(name))
}

async function timeSide(side, bench, { python, rounds, facts }) {
  const peer = await side.start(bench, { python, threads: availableParallelism() })
  if (peer.reason) {
    await peer.end()
    return { side: side.name, reason: peer.reason }
  }
  try {
    if (facts) requireSameNetworks(bench.name, side.name, facts, peer.facts)
    const { seconds: first } = await peer.run(1)
    const seconds = []
    for (let round = 0; round < (rounds ?? bench.rounds); round++)
      seconds.push((await peer.run(bench.units)).seconds / bench.units)
    return {
      side: side.name,
      engine: peer.facts.engine,
      facts: peer.facts,
      first,
      seconds: Math.min(...seconds),
    }
  } catch (error) {
    return { side: side.name, reason: error.message }
  } finally {
    await peer.end()
  }
}

const time = (seconds) =>
  seconds < 1 ? `${(seconds * 1000).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`

async function measureNetworks(chosen, options) {
  const results = []
  for (const bench of chosen) {
    console.log(`${bench.name}: ${bench.what}`)
    let operations
    let facts
    const sides = []
    for (const side of options.sides.filter((each) => each.runs(bench))) {
      const result = await timeSide(side, bench, { ...options, facts })
      operations ??= result.facts?.figures?.operations
      if (result.facts && side !== stock) {
        const { parameters, classifierParameters } = result.facts
        facts ??= { parameters, ...(classifierParameters ? { classifierParameters } : {}) }
      }
      sides.push(result)
      const { seconds, first, reason } = result
      if (reason) console.log(`  ${side.name.padEnd(28)} ${reason}`)
      else {
        const rate = operations ? `  ${(operations / seconds / 1e12).toFixed(2)} TFLOP/s` : ''
        const many = `${(bench.amount / seconds).toFixed(1)} samples a second`
        console.log(
          `  ${side.name.padEnd(28)} ${time(seconds).padEnd(9)} ${many}${rate}, first ${time(first)}`,
        )
      }
    }
    results.push({ name: bench.name, what: bench.what, operations, sides })
  }
  return results
}

async function main() {
  const told = commandLine(gpuCases, {
    usage,
    options: {
      kernels: { type: 'boolean', default: false },
      networks: { type: 'boolean', default: false },
      sides: { type: 'string' },
    },
  })
  if (!told) return
  const { chosen, rounds, values } = told
  const both = !values.kernels && !values.networks
  const sides = sidesOf(values.sides)
  const kernels = values.kernels || both ? await measureKernels() : undefined
  const networks =
    values.networks || both
      ? await measureNetworks(chosen, { python: values.python, rounds, sides })
      : undefined
  if (values.json) {
    await writeFile(
      outputPath(values.json),
      `${JSON.stringify({ node: process.version, kernels, networks }, null, 2)}\n`,
    )
  }
}

try {
  await main()
} catch (error) {
  console.error([error.message, error.advice].filter(Boolean).join('\n'))
  process.exitCode = 1
}
