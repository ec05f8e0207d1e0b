import { InterruptedError } from './interrupt.ts'

/** One clear line (and what to do, where the error knows) on stderr; sets the exit code. */
export function reportError(error: unknown, verbose: boolean): void {
  if (error instanceof InterruptedError) {
    process.exitCode = error.exitCode
    return
  }
  process.exitCode = 1
  if (verbose) console.error(error)
  console.error(`error: ${sentence(error)}`)
}

function sentence(error: unknown): string {
  const { message, advice } = error as { message?: string; advice?: string }
  const text = oneLine(message || String(error))
  if (advice === undefined) return `${text.replace(/\.?$/, '.')} --verbose tells where this comes from.`
  return text.includes(oneLine(advice)) ? text : `${text} ${oneLine(advice)}`
}

const oneLine = (text: string) => text.trim().replace(/\s*\n\s*/g, ' ')
