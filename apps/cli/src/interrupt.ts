/** Why a command stopped early: Ctrl-C or a request to terminate. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'

  constructor() {
    super('stopped')
  }
}

/** A signal that the first Ctrl-C (or SIGTERM) aborts; the second one ends the program at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(130)
    process.stderr.write('\nstopping after this step; press Ctrl-C again to stop at once\n')
    controller.abort(new InterruptedError())
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}
