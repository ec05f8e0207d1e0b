/**
 * Times our work beside PyTorch's of the same networks, in turns, in one run.
 *
 *   pnpm bench [CASE…] [--json FILE] [--python PATH] [--rounds N]
 *
 * Where Python has no PyTorch, its column says so. Seconds are the median over the rounds.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startBackend } from '@guided-diffusion/backends'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { onnx } from '@guided-diffusion/compile/onnx'
import { admForward, admGradient, admStep } from './adm64.mjs'
import { fashionMnistGuided } from './fashion-mnist-guided.mjs'
import { measurePeak } from './peak.mjs'
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
    let peerMemory = null
    for (let round = 0; round < rounds; round++) {
      const began = performance.now()
      await ours.run(bench.units)
      seconds.ours.push((performance.now() - began) / 1000 / bench.units)
      const theirs = await peer.run?.(bench.units)
      if (theirs) {
        seconds.pytorch.push(theirs.seconds / bench.units)
        peerMemory = theirs.memory
      }
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
      // of the whole processes, each of which has one case
      memory: { ours: process.resourceUsage().maxRSS * 1024, pytorch: peerMemory },
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
  const { peak, reason } = await measurePeak(threads)
  console.log(peak ? `peak: ${(peak / 1e9).toFixed(0)} GFLOP/s` : `peak: not measured, ${reason}`)
  const results = []
  if (chosen.length === 1) {
    results.push(await measure(chosen[0], { python: values.python, threads, rounds }))
  } else {
    for (const bench of chosen) results.push(await inProcess(bench, values))
  }
  print(results, peak)
  if (values.json) {
    // package managers start scripts in the root: a relative path means the folder where the command was given
    const path = resolve(process.env.INIT_CWD ?? '.', values.json)
    await writeFile(
      path,
      `${JSON.stringify({ node: process.version, threads, peak, cases: results }, null, 2)}\n`,
    )
  }
}

/** One case in a process of its own: so that its memory is its own, and nothing is warm from another. */
async function inProcess(bench, { python, rounds }) {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-bench-'))
  try {
    const json = join(folder, 'case.json')
    const options = ['--json', json, '--python', python, ...(rounds ? ['--rounds', rounds] : [])]
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), bench.name, ...options], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve))
    if (code !== 0) throw new Error(`${bench.name} ended with ${code}`)
    return JSON.parse(await readFile(json, 'utf8')).cases[0]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function print(results, peak) {
  const shown = (value) => (value === null ? 'absent' : `${value.toPrecision(3)} s`)
  console.log(`${'case'.padEnd(24)} ${'ours'.padEnd(10)} ${'PyTorch'.padEnd(10)} ratio`)
  for (const result of results) {
    const {
      name,
      ours,
      pytorch,
      ratio,
      peer,
      unit,
      engine,
      operations,
      memory,
      samplesPerSecond: rate,
    } = result
    const verdict = ratio === null ? peer : ratio.toFixed(2)
    console.log(`${name.padEnd(24)} ${shown(ours).padEnd(10)} ${shown(pytorch).padEnd(10)} ${verdict}`)
    const others = rate.pytorch === null ? '' : `, ${rate.pytorch.toFixed(1)} by ${peer}`
    console.log(`  ${unit}, ${engine}: ${rate.ours.toFixed(1)} samples a second${others}`)
    if (operations) {
      const share = peak ? `, ${((100 * operations) / ours / peak).toFixed(0)}% of the peak` : ''
      console.log(`  ${(operations / ours / 1e9).toFixed(0)} GFLOP/s${share}`)
    }
    const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`
    const beside = memory.pytorch === null ? '' : `, ${gigabytes(memory.pytorch)} by PyTorch`
    console.log(`  peak memory of the process ${gigabytes(memory.ours)}${beside}`)
  }
}

try {
  await main()
} catch (error) {
  console.error([error.message, error.advice].filter(Boolean).join('\n'))
  process.exitCode = 1
}
