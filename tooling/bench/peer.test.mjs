import { expect, test } from 'vitest'
import { startPeer } from './peer.mjs'

test('without Python, or with a Python that cannot run it, the column has a reason', async () => {
  const missing = await startPeer('no-such-python', 'training_step.py', {})
  expect(missing.reason).toMatch(/ENOENT/)
  expect(missing.run).toBeUndefined()
  // what is not Python fails on the first line, as Python does without PyTorch
  const failing = await startPeer(process.execPath, 'training_step.py', {})
  expect(failing.reason).toBeTruthy()
  expect(failing.run).toBeUndefined()
})
