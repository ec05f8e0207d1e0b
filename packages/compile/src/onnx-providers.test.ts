import { expect, test } from 'vitest'
import { onnxRuntimeNode } from './node.ts'
import { onnxProviders } from './onnx-providers.ts'

test('providers that run here, and why others do not', async () => {
  const [cpu, webgpu, ...others] = await onnxProviders()
  expect(cpu).toEqual({ name: 'cpu', available: true })
  expect(others).toEqual([])
  expect(webgpu?.name).toBe('webgpu')
  if (webgpu?.available === false) expect(webgpu.reason).toMatch(/^\S.{3,200}$/)
  else expect((await onnxRuntimeNode({ provider: 'webgpu' })).description).toContain('webgpu')
})
