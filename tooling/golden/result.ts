/** What became of one case. */
export type Result =
  | {
      readonly status: 'passed' | 'failed'
      readonly error: number
      readonly tolerance: number
      readonly note?: string
    }
  | { readonly status: 'failed' | 'skipped'; readonly note: string }

/** A case that was not compared, with the reason. */
export function notCompared(status: 'failed' | 'skipped', note: string): Result {
  return { status, note }
}

/** One line: name, engine, largest error, tolerance, verdict. */
export function resultLine(name: string, engine: string, result: Result): string {
  const numbers =
    'error' in result ? `error ${shown(result.error)}  tolerance ${shown(result.tolerance)}` : 'not compared'
  const verdict = { passed: 'ok', failed: 'FAILED', skipped: 'skipped' }[result.status]
  return `${name.padEnd(42)} ${engine.padEnd(10)} ${numbers.padEnd(35)} ${verdict}${result.note ? `: ${result.note}` : ''}`
}

const shown = (value: number) => (Number.isFinite(value) ? value.toExponential(2).padEnd(8) : 'infinite')
