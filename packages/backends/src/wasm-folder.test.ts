import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, test } from 'vitest'
import { cpu } from './cpu.ts'
import { diagnose } from './doctor.ts'
import { startBackend } from './start-backend.ts'
import { wasm } from './wasm.ts'

/** Beside the code that `require` finds. */
const folder = `${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`

describe('the folder of the .wasm files', () => {
  test('is looked in', async () => {
    const [found] = await diagnose([wasm({ folder })])
    expect(found).toMatchObject({ available: true, trains: true })
  })

  test('without them, the next driver starts', async () => {
    const report = await startBackend([wasm({ folder: '/nowhere/' }), cpu()])
    expect(report.name).toBe('cpu')
    expect(tf.getBackend()).toBe('cpu')
    expect(report.skipped[0]?.message).toMatchInlineSnapshot(
      `"The wasm backend can't run here: its WebAssembly module does not start from "/nowhere/". Pass wasm({ folder }) with the place of the .wasm files of @tensorflow/tfjs-backend-wasm."`,
    )
  })

  test('after that the library takes no other', async () => {
    const [second] = await diagnose([wasm({ folder })])
    expect(second).toMatchInlineSnapshot(`
      {
        "advice": "Give the right folder in a new process, or a page loaded anew.",
        "available": false,
        "name": "wasm",
        "needs": "the package @tensorflow/tfjs-backend-wasm",
        "reason": "it failed to start before, and can no longer be told where its files are",
      }
    `)
  })
})
