import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

/** A lock whose holder gives no sign of life for so long is nobody's. */
const staleAfter = 60_000
const heartbeat = 10_000

/**
 * Runs an action while no other process runs one under the same lock, a file that is removed afterwards. Waits for the
 * other; takes over the lock of a process that is gone.
 *
 * @param onWait called once, if there is another.
 */
export async function withLock<T>(
  path: string,
  action: () => Promise<T>,
  { signal, onWait, poll = 500 }: { signal?: AbortSignal; onWait?: () => void; poll?: number } = {},
): Promise<T> {
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), began: Date.now() })
  let told = false
  while (!(await take(path, mine))) {
    if (await isAbandoned(path)) await rm(path, { force: true })
    else {
      if (!told) onWait?.()
      told = true
      await wait(poll, undefined, { signal }).catch(() => signal?.throwIfAborted())
    }
  }
  const timer = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), heartbeat)
  try {
    return await action()
  } finally {
    clearInterval(timer)
    if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
  }
}

async function take(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(content)
    await file.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path)
    if (Date.now() - mtimeMs > staleAfter) return true
    const { pid, host } = JSON.parse(await readFile(path, 'utf8')) as { pid: number; host: string }
    return host === hostname() && !isAlive(pid)
  } catch {
    // it went away, or is being written: look again
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
