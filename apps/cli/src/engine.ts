import { dirname, join } from 'node:path'
import {
  type BackendDriver,
  type BackendReport,
  BackendUnavailableError,
  startBackend,
} from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { tensorflow } from '@guided-diffusion/backends/tensorflow'
import { tensorflowGpu } from '@guided-diffusion/backends/tensorflow-gpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import {
  type CompiledSteps,
  type CompiledStepsOptions,
  compile,
  compiledSteps,
  type GraphRuntime,
  type Tensors,
} from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import { onnx } from '@guided-diffusion/compile/onnx'
import type * as tf from '@tensorflow/tfjs-core'
import { Option } from 'commander'
import { UsageError } from './errors.ts'
import { cacheFolder } from './model-cache.ts'

/** The engines by name, in the order in which `auto` tries them. */
const automatic: readonly BackendDriver[] = [tensorflowGpu(), onnx(), tensorflow(), wasm(), cpu()]

const card = webgpu()
const onnxWebGpu = onnx({ provider: 'webgpu' })

/** All engines: those of `auto`, and those that must be asked for, since a driver for Vulkan may be software. */
export const engines: readonly BackendDriver[] = [...automatic, card, onnxWebGpu]

export type Precision = 'float32' | 'float16'

/** An engine that runs. */
export interface Engine extends BackendReport {
  /** What runs graphs, which may point into files of weights; undefined where operations run one by one. */
  readonly runtime: GraphRuntime | undefined
  /** Runs steps of networks as graphs, where the engine does that. Dispose it. */
  steps(options: Pick<CompiledStepsOptions, 'weights' | 'data'>): CompiledSteps | undefined
  /** A function of tensors, once: eagerly or as a graph. The results are yours. */
  compute<T extends string>(
    fn: (inputs: Record<string, tf.Tensor>) => Record<T, tf.Tensor>,
    inputs: Tensors,
  ): Promise<Record<T, tf.Tensor>>
}

/** `--engine NAME`. */
export const engineOption = () =>
  new Option('--engine <name>', 'what computes; auto takes the first that runs here, see doctor')
    .choices(['auto', ...engines.map(({ name }) => name)])
    .default('auto')

/** `--precision WIDTH`. */
export const precisionOption = () =>
  new Option(
    '--precision <width>',
    'what convolutions and attention compute in; float16 wants webgpu or onnx-webgpu on a card that has it',
  )
    .choices(['float32', 'float16'])
    .default('float32')

/**
 * Starts the engine of that name, or the first that runs, and says on stderr which one it is.
 *
 * @param purpose training needs gradients of every operation, which some engines lack.
 * @param verbose tells why others were not taken.
 */
export async function startEngine(
  name: string,
  options: {
    readonly purpose?: 'sampling' | 'training'
    readonly verbose?: boolean
    readonly precision?: Precision
  } = {},
): Promise<Engine> {
  const { purpose = 'sampling', verbose = false, precision = 'float32' } = options
  const wanted = name === 'auto' ? automatic : engines.filter((candidate) => candidate.name === name)
  if (wanted.length === 0) {
    throw new UsageError(
      `There is no engine called ${name}.`,
      `Choose one of auto, ${engines.map((each) => each.name).join(', ')}.`,
    )
  }
  const drivers = wanted.map((driver) => (driver === card ? webgpu({ precision }) : driver))
  const report = await startBackend(purpose === 'training' ? drivers.map(forTraining) : drivers)
  const skipped = report.skipped.map(({ backend }) => backend).join(', ')
  const note = skipped && !verbose ? ` (not ${skipped}: guided-diffusion doctor tells why)` : ''
  process.stderr.write(`engine: ${report.name}, ${report.description}${note}\n`)
  for (const { backend, reason, advice } of verbose ? report.skipped : [])
    process.stderr.write(`not ${backend}: ${reason}. ${advice}\n`)
  switch (report.name) {
    case 'onnx':
      return { ...report, ...(await asGraphs('cpu', precision)) }
    case onnxWebGpu.name:
      return { ...report, ...(await asGraphs('webgpu', precision)) }
    case card.name:
      return { ...report, ...eagerly }
    default:
      if (precision === 'float16') {
        throw new UsageError(
          `The engine ${report.name} computes in float32 only.`,
          `Leave --precision out, or give --engine ${card.name} or ${onnxWebGpu.name}.`,
        )
      }
      return { ...report, ...eagerly }
  }
}

type Computing = Pick<Engine, 'runtime' | 'steps' | 'compute'>

const eagerly: Computing = {
  runtime: undefined,
  steps: () => undefined,
  compute: async (fn, inputs) => fn({ ...inputs }),
}

/** Where optimised graphs lie: beside the models that were pulled. */
const graphFolder = () => join(dirname(cacheFolder()), 'graphs')

async function asGraphs(provider: 'cpu' | 'webgpu', precision: Precision): Promise<Computing> {
  const onFailure = (error: unknown) =>
    process.stderr.write(`the graph is not kept for the next run: ${(error as Error).message}\n`)
  const runtime = await onnxRuntimeNode({ provider, precision, cache: { folder: graphFolder(), onFailure } })
  // functions that run once are not worth keeping
  const once = await onnxRuntimeNode({ provider })
  return {
    runtime,
    steps: (options) => compiledSteps({ runtime, ...options }),
    compute: async (fn, inputs) => {
      const compiled = await compile(fn, inputs, { runtime: once })
      try {
        return (await compiled.run(inputs)) as Awaited<ReturnType<typeof fn>>
      } finally {
        await compiled.dispose()
      }
    },
  }
}

/** The same engine, which counts as one that can't run where it does not train. */
function forTraining(driver: BackendDriver): BackendDriver {
  return {
    ...driver,
    async start() {
      const info = await driver.start()
      if (info.trains) return info
      throw new BackendUnavailableError({
        backend: driver.name,
        reason: 'it samples, but does not train: some of its operations have no gradient',
        advice: 'Train with webgpu, tensorflow, wasm or cpu.',
      })
    },
  }
}
