/** Memory of a browser's processes, as Linux counts it. */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'

/** Whether this system counts it. */
export const countsMemory = existsSync('/proc/self/clear_refs')

/**
 * Watches the resident memory of the processes that a browser has now, in bytes: by how much the sum of their peaks is
 * above what they have, once asked. The peaks need not be at one time, so that the rise is at most what is told. What a
 * process beside takes that the browser starts meanwhile, a spare one for the next page say, is none of a page's memory.
 */
export async function memoryRise(browser: Browser): Promise<() => Promise<number>> {
  const before = new Map<number, number>()
  for (const id of await processes(browser)) {
    // the peak counts from here
    await writeFile(`/proc/${id}/clear_refs`, '5')
    before.set(id, await counted(id, 'VmRSS'))
  }
  return async () => {
    let rise = 0
    for (const [id, had] of before) rise += Math.max(0, (await counted(id, 'VmHWM')) - had)
    return rise
  }
}

async function processes(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.map(({ id }) => id)
}

/** A line of the kernel's table of a process; 0 of one that has ended. */
async function counted(id: number, line: 'VmRSS' | 'VmHWM'): Promise<number> {
  const table = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
  return 1024 * Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(table)?.[1] ?? 0)
}
