/**
 * Runs every golden vector of a folder against the packages.
 *
 *   pnpm golden [FOLDER] [--engine tensorflow|wasm|cpu|auto|all] [--only PATTERN] [--times]
 *
 * One line a case; the last line is `N passed, N failed, N skipped`. The exit code is 1 where one failed.
 */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Report } from './engine.ts'
import { resultLine } from './result.ts'

/** Those of `auto` and `all`, and those that must be named: where software stands in for a graphics card they take minutes. */
const automatic = ['tensorflow', 'onnx', 'wasm', 'cpu']
const engines = [...automatic, 'webgpu', 'onnx-webgpu']

const usage = `usage: pnpm golden [FOLDER] [options]

Compares what the packages compute with the golden vectors of a folder; without one, with those of the repository.

  --engine NAME    tensorflow, onnx, wasm, cpu, all of these, or auto: the first of them that starts (default: auto);
                   webgpu and onnx-webgpu, for a graphics card
  --only PATTERN   cases whose name matches this regular expression
  --times          print the seconds that each case took`

interface Totals {
  passed: number
  failed: number
  skipped: number
}

type Ending = 'done' | { readonly refused: string }

/** Runs one engine in a process of its own. */
function runEngine(
  engine: string,
  folder: string,
  { only, times, totals }: { only: string; times: boolean; totals: Totals },
): Promise<Ending> {
  return new Promise((settle) => {
    const program = fileURLToPath(new URL('./engine.js', import.meta.url))
    const child = fork(program, [engine, folder, only], { serialization: 'advanced' })
    let ending: Ending | undefined
    child.on('message', (message) => {
      const report = message as Report
      if (report.kind === 'started') console.log(`${engine}: ${report.description}`)
      else if (report.kind === 'refused') ending = { refused: report.reason }
      else if (report.kind === 'case') {
        totals[report.result.status]++
        const time = times ? `  (${report.seconds.toFixed(1)} s)` : ''
        console.log(`${resultLine(report.name, engine, report.result)}${time}`)
      } else {
        ending = 'done'
        if (report.cases > 0) return
        totals.failed++
        console.log(`no case of ${folder} matches /${only}/`)
      }
    })
    child.on('exit', (code, signal) => {
      if (ending === undefined) {
        totals.failed++
        console.log(`${engine}: the process ended by ${signal ?? `exit code ${code}`}`)
      }
      settle(ending ?? 'done')
    })
  })
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string', default: 'auto' },
      only: { type: 'string', default: '' },
      times: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const { engine, only, times } = values
  if (positionals.length > 1) throw new Error(`one folder is expected, found ${positionals.join(' ')}`)
  if (![...engines, 'auto', 'all'].includes(engine)) throw new Error(`there is no engine ${engine}`)
  new RegExp(only)
  // package managers start scripts in the root: a relative path means the folder where the command was given
  const folder = positionals[0]
    ? resolve(process.env.INIT_CWD ?? '.', positionals[0])
    : fileURLToPath(new URL('../vectors', import.meta.url))
  if (!existsSync(folder)) throw new Error(`there is no folder ${folder}`)

  const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
  const wanted = engine === 'auto' || engine === 'all' ? automatic : [engine]
  let ran = 0
  for (const name of wanted) {
    const ending = await runEngine(name, folder, { only, times, totals })
    if (ending === 'done') ran++
    else console.log(`${name}: not available: ${ending.refused}`)
    // an engine that was asked for by name must run
    if (ending !== 'done' && engine !== 'auto') totals.failed++
    if (ending === 'done' && engine === 'auto') break
  }
  if (ran === 0 && engine === 'auto') totals.failed++
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals.failed > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`)
  process.exitCode = 1
}
