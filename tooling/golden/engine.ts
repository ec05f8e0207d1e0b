/**
 * Runs the cases of a folder on one engine and tells the parent process about each: TensorFlow.js has one engine a
 * program. Started by `run.ts`.
 */
import { type BackendDriver, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { wasm } from '@guided-diffusion/backends/wasm'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import { findCases } from './cases.ts'
import { compiled, eager } from './computing.ts'
import { folderFiles } from './folder-files.ts'
import { notCompared, type Result } from './result.ts'

/** What a child process tells. */
export type Report =
  | { readonly kind: 'started'; readonly description: string }
  | { readonly kind: 'case'; readonly name: string; readonly seconds: number; readonly result: Result }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'done'; readonly cases: number }

/** Graphs run beside an engine of TensorFlow.js that holds weights and does the rest. */
const drivers: Readonly<Record<string, () => BackendDriver>> = {
  tensorflow,
  onnx: cpu,
  'onnx-webgpu': cpu,
  webgpu,
  wasm,
  cpu,
}

const [engine = '', folder = '', only = ''] = process.argv.slice(2)

/** Waits until the parent has it: else a process that ends loses its last words. */
function tell(report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(report, (error: Error | null) => (error ? reject(error) : resolve()))
  })
}

async function main(): Promise<void> {
  const driver = drivers[engine]
  if (!driver) return tell({ kind: 'refused', reason: `there is no engine ${engine}` })
  const pattern = new RegExp(only)
  let run = eager
  try {
    const { description } = await startBackend([driver()])
    if (engine.startsWith('onnx')) {
      const { onnxRuntimeNode } = await import('@guided-diffusion/compile/node')
      const runtime = await onnxRuntimeNode({ provider: engine === 'onnx' ? 'cpu' : 'webgpu' })
      run = compiled(runtime)
      await tell({ kind: 'started', description: runtime.description })
    } else await tell({ kind: 'started', description })
  } catch (error) {
    return tell({ kind: 'refused', reason: sentence(error) })
  }
  const cases = (await findCases(await folderFiles(folder), run)).filter(({ name }) => pattern.test(name))
  for (const { name, run } of cases) {
    const began = performance.now()
    const result = await run().catch((error: unknown) => notCompared('failed', sentence(error)))
    await tell({ kind: 'case', name, seconds: (performance.now() - began) / 1000, result })
  }
  await tell({ kind: 'done', cases: cases.length })
}

function sentence(error: unknown): string {
  const { message = String(error), advice } = error as { message?: string; advice?: string }
  return [message, advice].filter(Boolean).join(' ').replace(/\s+/g, ' ')
}

await main()
process.disconnect?.()
