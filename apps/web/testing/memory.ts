/** Memory of the browser's pages, from the operating system. */
import { readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'

/** The most that the processes of all pages have held since they began, in bytes; undefined where nobody counts that. */
export async function peakMemory(browser: Browser): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const peaks = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(async ({ id }) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '')
      return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0)
    })
  return (await Promise.all(peaks)).reduce((sum, peak) => sum + peak, 0)
}
