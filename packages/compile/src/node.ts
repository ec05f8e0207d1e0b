/** ONNX Runtime in Node. */
import { availableParallelism } from 'node:os'
import type * as ort from 'onnxruntime-node'
import { RuntimeUnavailableError } from './errors.ts'
import type { ElementType, Graph } from './graph.ts'
import { modelFiles } from './model-files.ts'
import type { GraphRuntime, GraphSession, SessionArray } from './session.ts'

export interface OnnxRuntimeNodeOptions {
  /** What computes. @default 'cpu' */
  readonly provider?: 'cpu' | 'webgpu'
  /** Threads of the CPU provider. @default one a core */
  readonly threads?: number
  /** Folder for graphs and weights while they run. @default a folder under the system's temporary one */
  readonly folder?: string
}

/**
 * ONNX Runtime with its own threads, from the package `onnxruntime-node`.
 *
 * @throws RuntimeUnavailableError when the package is missing or does not load.
 */
export async function onnxRuntimeNode(options: OnnxRuntimeNodeOptions = {}): Promise<GraphRuntime> {
  const { provider = 'cpu', threads = availableParallelism() } = options
  const library = await load()
  return {
    name: 'onnxruntime-node',
    description: `ONNX Runtime ${library.env.versions.common}, ${provider === 'cpu' ? `${threads} threads` : provider}`,
    open: (graph) => open(library, graph, { ...options, provider, threads }),
  }
}

async function load(): Promise<typeof ort> {
  try {
    return (await import('onnxruntime-node')) as typeof ort
  } catch (cause) {
    const missing = (cause as { code?: string }).code?.endsWith('MODULE_NOT_FOUND') ?? false
    throw new RuntimeUnavailableError({
      reason: missing
        ? 'onnxruntime-node is not installed'
        : `onnxruntime-node does not load (${(cause as Error).message})`,
      advice: 'Install it beside @guided-diffusion/compile: npm install onnxruntime-node.',
      cause,
    })
  }
}

async function open(
  library: typeof ort,
  graph: Graph,
  { provider, threads, folder }: OnnxRuntimeNodeOptions & { threads: number; provider: string },
): Promise<GraphSession> {
  const files = await modelFiles(graph, folder)
  const session = await library.InferenceSession.create(files.model, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  }).finally(() => files.release())
  const { inputs, outputs } = graph
  return {
    run: async (arrays) => {
      const feeds: Record<string, ort.Tensor> = {}
      for (const { name, type, shape } of inputs)
        feeds[name] = new library.Tensor(tensorType(type), arrays.get(name) as Float32Array, [
          ...shape,
        ]) as ort.Tensor
      const results = await session.run(feeds)
      return new Map(outputs.map(({ name }) => [name, results[name]?.data as SessionArray]))
    },
    dispose: () => session.release(),
  }
}

const tensorType = (type: ElementType) => type as 'float32'
