/**
 * Times our work beside PyTorch's of the same networks, in turns, in one run.
 *
 *   pnpm bench [CASE…] [--json FILE] [--python PATH] [--rounds N]
 *
 * Where Python has no PyTorch, its column says so. Seconds are the median over the rounds.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startBackend } from '@guided-diffusion/backends'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { onnx } from '@guided-diffusion/compile/onnx'
import { admForward, admGradient, admStep } from './adm64.mjs'
import { fashionMnistGuided } from './fashion-mnist-guided.mjs'
import { startPeer } from './peer.mjs'
import { trainingStep } from './training-step.mjs'

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} what One line about the unit of work.
 * @property {string} rate What is counted a second.
 * @property {number} amount How many of them a unit makes.
 * @property {number} units Units in a round.
 * @property {number} rounds
 * @property {'tensorflow' | 'onnx'} engine What our side runs on.
 * @property {string} script The PyTorch side, in `pytorch/`.
 * @property {object} config What the PyTorch side is told.
 * @property {() => Promise<{ facts: Record<string, number>, figures?: Record<string, number>, run(units: number): Promise<void>, end(): Promise<void> }>} start
 */

/** @type {readonly Case[]} */
const cases = [admForward, admGradient, admStep, fashionMnistGuided, trainingStep]

const engines = { tensorflow, onnx }

const usage = `usage: pnpm bench [CASE…] [--json FILE] [--python PATH] [--rounds N]

${cases.map(({ name, what }) => `  ${name.padEnd(24)} ${what}`).join('\n')}`

/** @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * One case: ours and the peer's in turns.
 *
 * @param {Case} bench
 * @param {{ python: string, threads: number, rounds: number | undefined }} options
 */
async function measure(bench, { python, threads, rounds = bench.rounds }) {
  const { description } = await startBackend([engines[bench.engine]()])
  const ours = await bench.start()
  const peer = await startPeer(python, bench.script, { ...bench.config, threads })
  try {
    if (!peer.reason) requireSameNetworks(bench.name, ours.facts, peer.facts)
    await ours.run(1)
    await peer.run?.(1)
    const seconds = { ours: [], pytorch: [] }
    for (let round = 0; round < rounds; round++) {
      const began = performance.now()
      await ours.run(bench.units)
      seconds.ours.push((performance.now() - began) / 1000 / bench.units)
      if (peer.run) seconds.pytorch.push((await peer.run(bench.units)) / bench.units)
      process.stderr.write(`${bench.name}: round ${round + 1} of ${rounds}\n`)
    }
    const mine = median(seconds.ours)
    const theirs = peer.run ? median(seconds.pytorch) : null
    return {
      name: bench.name,
      ours: mine,
      pytorch: theirs,
      ratio: theirs === null ? null : theirs / mine,
      unit: bench.what,
      [bench.rate]: { ours: bench.amount / mine, pytorch: theirs === null ? null : bench.amount / theirs },
      rounds: seconds,
      engine: description,
      networks: ours.facts,
      ...ours.figures,
      // of the whole process: that of a case where it is the only one
      peakMemory: process.resourceUsage().maxRSS * 1024,
      peer: peer.reason ?? `PyTorch ${peer.facts.version}, ${peer.facts.threads} threads`,
    }
  } finally {
    await ours.end()
    peer.end()
  }
}

/** Both sides must have the same numbers of parameters. */
function requireSameNetworks(name, ours, theirs) {
  for (const [key, value] of Object.entries(ours)) {
    if (theirs[key] !== value) throw new Error(`${name}: ${key} is ${value} here, ${theirs[key]} in PyTorch`)
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const unknown = positionals.filter((name) => !cases.some((bench) => bench.name === name))
  if (values.help || unknown.length > 0) {
    if (unknown.length > 0) console.error(`there is no case ${unknown.join(', ')}`)
    console.log(usage)
    process.exitCode = unknown.length > 0 ? 1 : 0
    return
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds is ${values.rounds}, expected a positive integer`)
  const threads = availableParallelism()
  const chosen = positionals.length > 0 ? cases.filter(({ name }) => positionals.includes(name)) : cases
  console.log(`Node ${process.version}, ${threads} threads`)
  const results = []
  for (const bench of chosen) results.push(await measure(bench, { python: values.python, threads, rounds }))
  print(results)
  if (values.json) {
    // package managers start scripts in the root: a relative path means the folder where the command was given
    const path = resolve(process.env.INIT_CWD ?? '.', values.json)
    await writeFile(path, `${JSON.stringify({ node: process.version, threads, cases: results }, null, 2)}\n`)
  }
}

function print(results) {
  const shown = (value) => (value === null ? 'absent' : `${value.toPrecision(3)} s`)
  console.log(`${'case'.padEnd(24)} ${'ours'.padEnd(10)} ${'PyTorch'.padEnd(10)} ratio`)
  for (const result of results) {
    const { name, ours, pytorch, ratio, peer, unit, engine, operations, samplesPerSecond: rate } = result
    const verdict = ratio === null ? peer : ratio.toFixed(2)
    console.log(`${name.padEnd(24)} ${shown(ours).padEnd(10)} ${shown(pytorch).padEnd(10)} ${verdict}`)
    const others = rate.pytorch === null ? '' : `, ${rate.pytorch.toFixed(1)} by ${peer}`
    console.log(`  ${unit}, ${engine}: ${rate.ours.toFixed(1)} samples a second${others}`)
    const speed = operations ? `${(operations / ours / 1e9).toFixed(0)} GFLOP/s; ` : ''
    console.log(`  ${speed}peak memory of the process so far ${(result.peakMemory / 1e9).toFixed(1)} GB`)
  }
}

try {
  await main()
} catch (error) {
  console.error([error.message, error.advice].filter(Boolean).join('\n'))
  process.exitCode = 1
}
