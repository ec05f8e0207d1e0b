/**
 * Times our work beside PyTorch's of the same networks, in turns, in one run; passes of UNets beside other libraries too.
 *
 *   pnpm bench [CASE…] [--json FILE] [--python PATH] [--rounds N]
 *
 * What is missing (PyTorch, a native library) says so. Seconds are the median over the rounds.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { admGradient, admStep } from './adm64.mjs'
import { commandLine, outputPath } from './command-line.mjs'
import { fashionMnistGuided } from './fashion-mnist-guided.mjs'
import { measure } from './measure.mjs'
import { measurePeak } from './peak.mjs'
import { print } from './print.mjs'
import { trainingStep } from './training-step.mjs'
import { admForward, fashionMnistForward } from './unet-pass.mjs'

/** @type {readonly import('./measure.mjs').Case[]} */
const cases = [admForward, admGradient, admStep, fashionMnistForward, fashionMnistGuided, trainingStep]

const usage = `usage: pnpm bench [CASE…] [--json FILE] [--python PATH] [--rounds N]

${cases.map(({ name, what }) => `  ${name.padEnd(24)} ${what}`).join('\n')}`

async function main() {
  const told = commandLine(cases, { usage })
  if (!told) return
  const { chosen, rounds, values } = told
  const threads = availableParallelism()
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
    await writeFile(
      outputPath(values.json),
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

try {
  await main()
} catch (error) {
  console.error([error.message, error.advice].filter(Boolean).join('\n'))
  process.exitCode = 1
}
