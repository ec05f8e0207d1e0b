/** Every engine that runs in a page, by name. */
import { type BackendDriver, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import type { GraphRuntime } from '@guided-diffusion/compile'
import { onnxRuntimeWeb } from '@guided-diffusion/compile/web'
import { stockWasm } from './stock-wasm.ts'

export type EngineName = 'stock-wasm' | 'wasm' | 'webgpu' | 'cpu' | 'onnx-wasm' | 'onnx-webgpu'

/** An engine that runs. */
export interface Engine {
  readonly description: string
  /** Where steps run as graphs. */
  readonly runtime?: GraphRuntime
}

const drivers: Readonly<Record<EngineName, () => BackendDriver>> = {
  'stock-wasm': stockWasm,
  wasm,
  webgpu,
  cpu,
  'onnx-wasm': cpu,
  'onnx-webgpu': cpu,
}

/** Starts TensorFlow.js, and ONNX Runtime beside it where the name asks for that. */
export async function startEngine(name: EngineName): Promise<Engine> {
  const { description } = await startBackend([drivers[name]()])
  if (!name.startsWith('onnx')) return { description }
  const runtime = await onnxRuntimeWeb({ provider: name === 'onnx-wasm' ? 'wasm' : 'webgpu' })
  return { description: runtime.description, runtime }
}
