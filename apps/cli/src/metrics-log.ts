import { existsSync } from 'node:fs'
import { appendFile, readFile, truncate } from 'node:fs/promises'

/**
 * Cuts off what was logged after the saved state, since those steps are made again, and what a crash left
 * half-written.
 */
export async function rewindMetrics(path: string, step: number): Promise<void> {
  if (!existsSync(path)) return
  let length = 0
  // what follows the last line break is not a whole line
  for (const line of (await readFile(path, 'utf8')).split('\n').slice(0, -1)) {
    const logged = stepOf(line)
    if (logged === undefined || logged > step) break
    length += Buffer.byteLength(line) + 1
  }
  await truncate(path, length)
}

/** Adds a line of JSON. */
export function appendMetrics(path: string, line: Readonly<Record<string, unknown>>): Promise<void> {
  return appendFile(path, `${JSON.stringify(line)}\n`)
}

function stepOf(line: string): number | undefined {
  try {
    const { step } = JSON.parse(line) as { step?: number }
    return step
  } catch {
    return undefined
  }
}
