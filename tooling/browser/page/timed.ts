/** Seconds of runs. */
export interface Timed {
  /** The one before, which compiles. */
  readonly first: number
  /** The fastest after it. */
  readonly seconds: number
}

/** The fastest of some runs after one that compiles: as many as fit a few seconds, one at least. */
export async function timed(run: () => Promise<unknown>): Promise<Timed> {
  const once = async () => {
    const began = performance.now()
    await run()
    return (performance.now() - began) / 1000
  }
  const first = await once()
  let seconds = Infinity
  const until = performance.now() + 3000
  for (let i = 0; i < 30 && performance.now() < until; i++) seconds = Math.min(seconds, await once())
  return { first, seconds }
}
