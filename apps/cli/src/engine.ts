import { type BackendDriver, type BackendReport, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { tensorflowGpu } from '@guided-diffusion/backends/tensorflow-gpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { Option } from 'commander'
import { UsageError } from './errors.ts'

/** The engines by name, fastest first: the order in which `auto` tries them. */
export const engines: readonly BackendDriver[] = [tensorflowGpu(), tensorflow(), wasm(), cpu()]

/** `--engine NAME`. */
export const engineOption = () =>
  new Option('--engine <name>', 'what computes; auto takes the fastest that runs here (see: doctor)')
    .choices(['auto', ...engines.map(({ name }) => name)])
    .default('auto')

/** Starts the engine of that name, or the first that runs. */
export function startEngine(name: string): Promise<BackendReport> {
  if (name === 'auto') return startBackend(engines)
  const driver = engines.find((candidate) => candidate.name === name)
  if (!driver) {
    throw new UsageError(
      `There is no engine called ${name}.`,
      `Choose one of auto, ${engines.map((each) => each.name).join(', ')}.`,
    )
  }
  return startBackend([driver])
}
