import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxModel } from '@guided-diffusion/compile'
import { expect, test } from 'vitest'
import { median, requireSameNetworks } from './measure.mjs'
import { startPeer } from './peer.mjs'
import { exportedByPyTorch, stockTensorFlowJs } from './peers.mjs'

const config = {
  size: 8,
  inChannels: 1,
  outChannels: 2,
  channels: 32,
  multipliers: [1, 2],
  blocks: 1,
  attention: [4],
  headChannels: 32,
  classes: 3,
}
const bench = { config: { network: { kind: 'unet', config }, images: 2, t: 500, labels: [0, 2] } }

test('without Python, or with a Python that cannot run it, the column has a reason', async () => {
  const missing = await startPeer('no-such-python', 'pytorch/training_step.py', {})
  expect(missing.reason).toMatch(/ENOENT/)
  expect(missing.run).toBeUndefined()
  // what is not Python fails at once, as Python does without PyTorch
  const failing = await startPeer(process.execPath, 'pytorch/training_step.py', {})
  expect(failing.reason).toMatch(/^TypeError/)
  expect(failing.run).toBeUndefined()
})

test('without PyTorch its export has a reason', async () => {
  const peer = await exportedByPyTorch.start(bench, { python: 'no-such-python', threads: 1 })
  expect(peer.reason).toMatch(/ENOENT/)
  await peer.end()
})

test.each(['cpu', 'wasm'])('our network runs on TensorFlow.js %s as it comes', async (backend) => {
  const peer = await stockTensorFlowJs(backend).start(bench, { python: '', threads: 1 })
  expect(peer.reason).toBeUndefined()
  expect(peer.facts.engine).toMatch(/^TensorFlow.js 4\.\d+\.\d+, /)
  const { seconds, memory } = await peer.run(2)
  expect(seconds).toBeGreaterThan(0)
  expect(memory).toBeGreaterThan(1e7)
  await peer.end()
})

test('a peer that fails says why', async () => {
  const network = { ...bench.config.network, config: { ...config, channels: 31 } }
  const peer = await startPeer(process.execPath, 'peers/tensorflow-js.mjs', {
    ...bench.config,
    backend: 'cpu',
    network,
  })
  expect(peer.reason).toMatch(/^ModelConfigError: .* is 31/)
})

test('an ONNX file runs as it is, on images, timesteps and labels', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'guided-diffusion-test-'))
  try {
    const path = join(folder, 'unet.onnx')
    const value = (name, type, shape) => ({ name, type, shape })
    const [x, t] = [value('x', 'float32', [2, 1, 8, 8]), value('t', 'int64', [2])]
    const labels = value('labels', 'int64', [2])
    const [sum, integers] = [value('sum', 'int64', [2]), value('output', 'float32', [2])]
    const node = (operator, inputs, outputs, attributes = {}) => ({
      operator,
      domain: '',
      inputs,
      outputs,
      attributes,
    })
    const nodes = [node('Add', [t, labels], [sum]), node('Cast', [sum], [integers], { to: 1 })]
    const graph = {
      inputs: [x, t, labels],
      outputs: [integers],
      outputNames: ['output'],
      nodes,
      initializers: [],
    }
    await writeFile(path, Buffer.concat(onnxModel(graph)))
    const told = { ...bench.config, threads: 1, path, unet: { channels: 1, size: 8 } }
    const peer = await startPeer(process.execPath, 'peers/onnxruntime.mjs', told)
    expect(peer.facts?.version).toMatch(/^1\.\d+/)
    expect((await peer.run(2)).seconds).toBeGreaterThan(0)
    peer.end()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('networks of other sizes are not compared', () => {
  expect(() => requireSameNetworks('case', 'PyTorch', { parameters: 2 }, { parameters: 2 })).not.toThrow()
  expect(() => requireSameNetworks('case', 'PyTorch', { parameters: 2 }, { parameters: 3 })).toThrow(
    'case: parameters is 2 here, 3 in PyTorch',
  )
})

test('the median of an even number is between the middle two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})
