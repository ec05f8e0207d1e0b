import { constants } from 'node:os'

type StopSignal = 'SIGINT' | 'SIGTERM'

/** Why a command stopped early: Ctrl-C or a request to terminate. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  /** 128 and the signal's number, as shells have it: 130 after Ctrl-C. */
  readonly exitCode: number

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/**
 * A signal that the first Ctrl-C (or SIGTERM) aborts; the second one ends the program at once.
 *
 * @param consequence what stopping after the current step means, for people.
 */
export function interruptSignal(consequence: string): AbortSignal {
  const controller = new AbortController()
  const stop = (signal: StopSignal) => {
    const error = new InterruptedError(signal)
    if (controller.signal.aborted) process.exit(error.exitCode)
    process.stderr.write(`\nstopping after this step: ${consequence}; Ctrl-C again stops at once\n`)
    controller.abort(error)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}
