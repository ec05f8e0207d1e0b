/** The engines of a page, and which one runs. */
import {
  type BackendDriver,
  type ChoiceStorage,
  fastestBackend,
  startBackend,
} from '@guided-diffusion/backends'
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
  /** Set once the device was taken away, or did not what it was told. */
  readonly lost: () => Error | undefined
  /** Fails when the device is taken away or does not what it is told, and else never ends; of those that have one. */
  readonly loss?: Promise<never>
}

const drivers: Readonly<Record<EngineName, () => BackendDriver>> = {
  webgpu,
  'onnx-webgpu': cpu,
  'onnx-wasm': cpu,
  wasm,
}

/**
 * Starts an engine. `auto` is the faster of WebGPU, where there is a card, and WebAssembly, by a short measurement that is
 * made once. ONNX Runtime is only taken by hand: it compiles for seconds before a figure's first step.
 *
 * @throws NoBackendError of `@guided-diffusion/backends`, RuntimeUnavailableError of `@guided-diffusion/compile`.
 */
export async function startEngine(choice: EngineChoice, storage: ChoiceStorage): Promise<Engine> {
  if (choice !== 'auto') return start(choice, 'It was chosen by hand.')
  if (!(await hasCard()))
    return start('wasm', automatic('There is no graphics card here that WebGPU can use.'))
  const report = await fastestBackend([webgpu(), wasm()], { storage })
  const name = report.name as EngineName
  return {
    name,
    facts: { name, description: report.description, why: automatic(report.reason), measured: true },
    ...watched(report.lost, report.faulty),
  }
}

const automatic = (found: string) =>
  `Chosen between WebGPU and WebAssembly. ${found} For many pictures ONNX Runtime may be quicker.`

/** Whether WebGPU has more than software, which would take seconds to be measured and lose. */
async function hasCard(): Promise<boolean> {
  const info = (await navigator.gpu?.requestAdapter())?.info
  if (!info || info.isFallbackAdapter) return false
  return !/swiftshader|llvmpipe/i.test(`${info.vendor} ${info.architecture} ${info.description}`)
}

async function start(name: EngineName, why: string): Promise<Engine> {
  const report = await startBackend([drivers[name]()])
  const watch = watched(report.lost, report.faulty)
  if (!name.startsWith('onnx'))
    return { name, facts: { name, description: report.description, why }, ...watch }
  const runtime = await onnxRuntimeWeb({ provider: name === 'onnx-wasm' ? 'wasm' : 'webgpu' })
  return { name, facts: { name, description: runtime.description, why }, runtime, ...watched(runtime.faulty) }
}

/** Whether the device was taken away meanwhile, or did not what it was told, and why: the first that is told. */
function watched(...troubles: readonly (Promise<Error> | undefined)[]): Pick<Engine, 'lost' | 'loss'> {
  const told = troubles.filter((trouble) => trouble !== undefined)
  if (told.length === 0) return { lost: () => undefined }
  let gone: Error | undefined
  const loss = Promise.race(told).then((error) => {
    gone = error
    throw error
  })
  // a loss between two runs concerns nobody until the next
  loss.catch(() => undefined)
  return { lost: () => gone, loss }
}
