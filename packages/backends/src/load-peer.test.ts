import { describe, expect, test } from 'vitest'
import { loadPeer } from './load-peer.ts'

const absent = Object.assign(new Error("Cannot find package 'sun'"), { code: 'ERR_MODULE_NOT_FOUND' })
const failing = (error: unknown) => () => Promise.reject(error)

describe('loadPeer', () => {
  test('gives the package', async () => {
    expect(await loadPeer('a', 'sun', async () => 5)).toBe(5)
  })

  test('says that it is not installed, whoever looked for it', async () => {
    await expect(loadPeer('light', 'sun', failing(absent))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[BackendUnavailableError: The light backend can't run here: sun is not installed. Install it beside @guided-diffusion/backends: npm install sun.]`,
    )
    const required = Object.assign(new Error('x'), { code: 'MODULE_NOT_FOUND' })
    await expect(loadPeer('light', 'sun', failing(required))).rejects.toThrow('sun is not installed')
  })

  test('says why it does not load, and what to do', async () => {
    const error = new Error('  too bright\nat 12:00')
    await expect(loadPeer('light', 'sun', failing(error))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[BackendUnavailableError: The light backend can't run here: sun does not load (too bright). Install it again: npm install sun.]`,
    )
    await expect(
      loadPeer('light', 'sun', failing('dark'), 'Wait.'),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[BackendUnavailableError: The light backend can't run here: sun does not load (dark). Wait.]`,
    )
    await expect(loadPeer('light', 'sun', failing(error))).rejects.toMatchObject({
      backend: 'light',
      reason: 'sun does not load (too bright)',
      advice: 'Install it again: npm install sun.',
      cause: error,
    })
  })
})
