import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/**
 * What a benchmark is told: cases by name, all of them where none is named, and the options that they share.
 *
 * @template {{ name: string }} C
 * @param {readonly C[]} cases
 * @param {{ usage: string, options?: import('node:util').ParseArgsOptionsConfig }} about `options` of its own, beside the shared.
 * @returns {{ chosen: readonly C[], rounds: number | undefined, values: Record<string, any> } | undefined} nothing where it is
 * to end: help was asked for, or a case is unknown.
 */
export function commandLine(cases, { usage, options = {} }) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      rounds: { type: 'string' },
      help: { type: 'boolean', default: false },
      ...options,
    },
  })
  const unknown = positionals.filter((name) => !cases.some((bench) => bench.name === name))
  if (values.help || unknown.length > 0) {
    if (unknown.length > 0) console.error(`there is no case ${unknown.join(', ')}`)
    console.log(usage)
    process.exitCode = unknown.length > 0 ? 1 : 0
    return undefined
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds is ${values.rounds}, expected a positive integer`)
  const chosen = positionals.length > 0 ? cases.filter(({ name }) => positionals.includes(name)) : cases
  return { chosen, rounds, values }
}

/** Package managers start scripts in the root: a relative path means the folder where the command was given. */
export const outputPath = (path) => resolve(process.env.INIT_CWD ?? '.', path)
