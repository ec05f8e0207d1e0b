/** The engines of a page, and which one runs. */
import { type BackendDriver, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import type { GraphRuntime } from '@guided-diffusion/compile'
import { onnxRuntimeWeb } from '@guided-diffusion/compile/web'
import type { EngineChoice } from '../plan.ts'
import type { EngineFacts } from '../protocol.ts'

type EngineName = Exclude<EngineChoice, 'auto'>

export interface Engine {
  readonly name: EngineName
  readonly facts: EngineFacts
  /** Where steps run as graphs. */
  readonly runtime?: GraphRuntime
  /** Set when the device was taken away. */
  readonly lost: () => Error | undefined
}

const drivers: Readonly<Record<EngineName, () => BackendDriver>> = {
  webgpu,
  'onnx-webgpu': cpu,
  'onnx-wasm': cpu,
  wasm,
}

/**
 * Starts an engine; `auto` is the first that runs, the fastest before the others.
 *
 * @throws what the last engine that was tried threw.
 */
export async function startEngine(choice: EngineChoice): Promise<Engine> {
  if (choice !== 'auto') return start(choice, 'It was chosen by hand.')
  const skipped: string[] = []
  const [last, ...others] = (await automaticOrder()).reverse()
  for (const name of others.reverse()) {
    try {
      return await start(name, because(name, skipped))
    } catch (error) {
      const { reason, message } = error as Error & { reason?: string }
      skipped.push(`${name}: ${reason ?? message}.`)
    }
  }
  return start(last as EngineName, because(last as EngineName, skipped))
}

/** Graphics cards first, if they are real ones; then threads; then what always runs. */
async function automaticOrder(): Promise<EngineName[]> {
  const adapter = await navigator.gpu?.requestAdapter()
  const card = adapter && !adapter.info.isFallbackAdapter && !/swiftshader|llvmpipe/i.test(describe(adapter))
  return [
    ...(card ? (['webgpu'] as const) : []),
    ...(crossOriginIsolated ? (['onnx-wasm'] as const) : []),
    'wasm',
  ]
}

const describe = ({ info }: GPUAdapter) => `${info.vendor} ${info.architecture} ${info.description}`

const reasons: Readonly<Record<EngineName, string>> = {
  webgpu: 'This device has a graphics card that WebGPU can use.',
  'onnx-webgpu': 'This device has a graphics card that WebGPU can use.',
  'onnx-wasm': 'Threads of WebAssembly are the fastest without a graphics card.',
  wasm: 'It runs everywhere, on one thread.',
}

const because = (name: EngineName, skipped: readonly string[]) => [reasons[name], ...skipped].join(' ')

async function start(name: EngineName, why: string): Promise<Engine> {
  const report = await startBackend([drivers[name]()])
  let gone: Error | undefined
  void report.lost?.then((error) => {
    gone = error
  })
  const lost = () => gone
  if (!name.startsWith('onnx')) return { name, facts: { name, description: report.description, why }, lost }
  const runtime = await onnxRuntimeWeb({ provider: name === 'onnx-wasm' ? 'wasm' : 'webgpu' })
  return { name, facts: { name, description: runtime.description, why }, runtime, lost }
}
