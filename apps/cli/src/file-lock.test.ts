import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/program.ts'
import { withLock } from './file-lock.ts'

const lock = join(await temporaryFolder(), 'a.lock')
const poll = 5

test('one at a time, whatever happens inside', async () => {
  let inside = 0
  let most = 0
  const waits: number[] = []
  let allWait = () => {}
  const contended = new Promise<void>((resolve) => {
    allWait = resolve
  })
  const run = async (n: number) => {
    inside++
    most = Math.max(most, inside)
    await contended
    await setTimeout(20)
    inside--
    if (n === 1) throw new Error('broken')
    return n
  }
  const results = await Promise.allSettled(
    [0, 1, 2, 3].map((n) => {
      const onWait = () => {
        if (waits.push(n) === 3) allWait()
      }
      return withLock(lock, () => run(n), { poll, onWait })
    }),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(most).toBe(1)
  expect(waits).toHaveLength(3)
  expect(existsSync(lock)).toBe(false)
})

test('the lock of a process that is gone, or gives no sign of life, is taken over', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  await writeFile(lock, JSON.stringify({ pid, host: hostname() }))
  expect(await withLock(lock, async () => 'mine', { poll })).toBe('mine')
  await writeFile(lock, JSON.stringify({ pid: 1, host: 'elsewhere' }))
  await utimes(lock, new Date(0), new Date(0))
  expect(await withLock(lock, async () => 'mine', { poll })).toBe('mine')
})

test('that of a living one is waited for, until an abort', async () => {
  await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname() }))
  const signal = AbortSignal.timeout(100)
  await expect(withLock(lock, async () => 'mine', { poll, signal })).rejects.toThrow()
  expect(JSON.parse(await readFile(lock, 'utf8')).pid).toBe(process.pid)
})
