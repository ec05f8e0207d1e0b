import * as tf from '@tensorflow/tfjs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { cpu } from './cpu.ts'
import type { BackendDriver } from './driver.ts'
import { BackendUnavailableError } from './errors.ts'
import { startBackend } from './start-backend.ts'

/** A driver that can't run. */
const broken = (name: string, error?: unknown): BackendDriver => ({
  name,
  needs: 'luck',
  async start() {
    tf.registerBackend(name, () => {
      throw new Error('no luck')
    })
    await tf.setBackend(name)
    throw error ?? new BackendUnavailableError({ backend: name, reason: 'no luck', advice: 'Try again.' })
  },
})

beforeEach(async () => {
  await startBackend([cpu()])
})

describe('startBackend', () => {
  test('starts the first that runs, and says why the others do not', async () => {
    const report = await startBackend([broken('a'), broken('b'), cpu(), broken('c')])
    expect({ ...report, skipped: report.skipped.map(({ message }) => message) }).toMatchInlineSnapshot(`
      {
        "backend": "cpu",
        "description": "JavaScript, one core; for tests and tiny networks",
        "kernels": [],
        "name": "cpu",
        "skipped": [
          "The a backend can't run here: no luck. Try again.",
          "The b backend can't run here: no luck. Try again.",
        ],
        "trains": true,
      }
    `)
    expect(tf.getBackend()).toBe('cpu')
  })

  test('gives every reason when none can run, and leaves the engine as it was', async () => {
    const x = tf.tensor1d([1, 2])
    await expect(startBackend([broken('a'), broken('b')])).rejects.toThrowErrorMatchingInlineSnapshot(`
      [NoBackendError: No backend can run here.
      a: no luck. Try again.
      b: no luck. Try again.]
    `)
    expect(tf.getBackend()).toBe('cpu')
    expect([...x.dataSync()]).toEqual([1, 2])
    x.dispose()
  })

  test('wants at least one', async () => {
    await expect(startBackend([])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[NoBackendError: No backend was asked for. Pass at least one driver, for example cpu().]`,
    )
  })

  test('takes an error with a reason and an advice from a driver of another package', async () => {
    const foreign = Object.assign(new Error('x'), { reason: 'no sound', advice: 'Turn it up.' })
    const report = await startBackend([broken('radio', foreign), cpu()])
    expect(report.skipped).toHaveLength(1)
    expect(report.skipped[0]).toBeInstanceOf(BackendUnavailableError)
    expect(report.skipped[0]?.message).toBe("The radio backend can't run here: no sound. Turn it up.")
    expect(report.skipped[0]?.cause).toBe(foreign)
  })

  test('does not hide a fault of a driver', async () => {
    await expect(startBackend([broken('a', new TypeError('oops')), cpu()])).rejects.toThrow(TypeError)
    expect(tf.getBackend()).toBe('cpu')
  })

  test('brings the gradients of all operations', async () => {
    const gradient = tf.grad((x) => tf.square(x))(tf.scalar(3))
    expect(gradient.dataSync()[0]).toBe(6)
  })
})
