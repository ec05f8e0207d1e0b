import { InterruptedError } from './interrupt.ts'

/** One clear line (and what to do, where the error knows) on stderr; sets the exit code. */
export function reportError(error: unknown, verbose: boolean): void {
  if (error instanceof InterruptedError) {
    process.exitCode = 130
    return
  }
  process.exitCode = 1
  if (verbose) {
    console.error(error)
    return
  }
  const { message, advice } = error as { message?: string; advice?: string }
  console.error(
    `error: ${message ?? String(error)}${advice && !message?.includes(advice) ? ` ${advice}` : ''}`,
  )
}
