/** ONNX Runtime in Node. */
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, parse, relative, resolve } from 'node:path'
import type * as ort from 'onnxruntime-node'
import { downloadGraph } from './download-graph.ts'
import { RuntimeUnavailableError, WeightFileError } from './errors.ts'
import { type Graph, GraphBuilder, type Initializer } from './graph.ts'
import { findEntry, type GraphCacheOptions, makeEntry, modelName } from './graph-cache.ts'
import { digest, fileState, filesOf, graphIdentity } from './graph-identity.ts'
import { halfArithmetic } from './half-arithmetic.ts'
import type { Download } from './held-array.ts'
import { machineIdentity } from './machine-identity.ts'
import { placeConstants } from './model-files.ts'
import { onnxModel } from './onnx-file.ts'
import { heldOutputs, runtimeSession } from './runtime-session.ts'
import type { GraphRuntime, SessionArray } from './session.ts'
import { webgpuGraph } from './webgpu-graph.ts'

export type { GraphCacheOptions } from './graph-cache.ts'
export { type OnnxProvider, onnxProviders } from './onnx-providers.ts'
export { type StoredWeight, storedWeights } from './stored-weights.ts'
export { type WriteOnnxOptions, writeOnnx } from './write-onnx.ts'

export interface OnnxRuntimeNodeOptions {
  /** What computes. @default 'cpu' */
  readonly provider?: 'cpu' | 'webgpu'
  /**
   * What large products are computed in, see `halfArithmetic`: `float16` is for graphics cards that have it. The processor
   * has no such arithmetic: there it costs time, and shows what a card would answer.
   *
   * @default 'float32'
   */
  readonly precision?: 'float32' | 'float16'
  /** Threads of the CPU provider. @default one a core */
  readonly threads?: number
  /** Folder for weights that must be written while a graph is opened. @default the system's temporary one */
  readonly folder?: string
  /**
   * Keeps graphs on disk as the runtime has optimised them for this machine and the provider, weights included, so that
   * they open at once the next time. Programs that a graphics card makes of them are kept by its driver, or not.
   */
  readonly cache?: GraphCache
}

export interface GraphCache extends GraphCacheOptions {
  /** Told why a graph could not be kept (a full disk); it runs all the same. @default the error is thrown */
  readonly onFailure?: (error: unknown) => void
}

/**
 * ONNX Runtime with its own threads, from the package `onnxruntime-node`.
 *
 * @throws RuntimeUnavailableError when the package is missing or does not load.
 */
export async function onnxRuntimeNode(options: OnnxRuntimeNodeOptions = {}): Promise<GraphRuntime> {
  const { provider = 'cpu', precision = 'float32', threads = availableParallelism() } = options
  const library = await load()
  if (provider === 'webgpu' && precision === 'float16') await requireFloat16(library)
  const numbers = precision === 'float16' ? ', float16' : ''
  const download = provider === 'webgpu' ? downloads(library) : undefined
  return {
    name: 'onnxruntime-node',
    description: `ONNX Runtime ${library.env.versions.common}, ${provider === 'cpu' ? `${threads} threads` : provider}${numbers}`,
    open: async (graph, { hold = [] } = {}) => {
      const computed = precision === 'float16' ? halfArithmetic(graph) : graph
      const fitting = provider === 'webgpu' ? webgpuGraph(computed) : computed
      const opening = { ...options, provider, threads, hold: provider === 'webgpu' ? hold : [] }
      return runtimeSession(library.Tensor, await openGraph(library, fitting, opening), graph, download)
    },
  }
}

/** Runs a sum in float16: the library finds out no sooner whether the device has it. */
async function requireFloat16(library: typeof ort): Promise<void> {
  const builder = new GraphBuilder()
  const x = builder.input('x', 'float16', [2])
  const graph = builder.finish(new Map([['y', builder.node('Add', [x, x], { shape: [2] })]]))
  const session = await smallSession(library, graph)
  try {
    await session.run({ x: new library.Tensor('float16', Uint16Array.of(1, 2), [2]) })
  } catch (cause) {
    throw new RuntimeUnavailableError({
      reason: `the device does not compute in float16 (${(cause as Error).message})`,
      advice: "Leave precision out, or give 'float32'.",
      cause,
    })
  } finally {
    await session.release()
  }
}

/** A session of a graph without weights on WebGPU. */
async function smallSession(library: typeof ort, graph: Graph): Promise<ort.InferenceSession> {
  try {
    return await library.InferenceSession.create(Buffer.concat(onnxModel(graph)), {
      executionProviders: ['webgpu'],
      logSeverityLevel: 4,
    })
  } catch (cause) {
    throw new RuntimeUnavailableError({
      reason: `WebGPU does not start (${(cause as Error).message})`,
      advice: "Install the driver of the graphics card, or take provider: 'cpu'.",
      cause,
    })
  }
}

/**
 * The library cannot read what lies on the device, but a graph can, and sessions share the device. Graphs that read are
 * small, and stay.
 */
function downloads(library: typeof ort): Download<ort.Tensor> {
  const sessions = new Map<string, Promise<ort.InferenceSession>>()
  return async (tensor, value) => {
    const key = `${value.type} ${value.shape}`
    const found = sessions.get(key) ?? smallSession(library, downloadGraph(value))
    sessions.set(key, found)
    found.catch(() => sessions.delete(key))
    const { read } = await (await found).run({ held: tensor })
    return read?.data as SessionArray
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

type Opening = OnnxRuntimeNodeOptions & {
  readonly provider: string
  readonly threads: number
  readonly hold: readonly string[]
}

const sessionOptions = ({ provider, threads, hold }: Opening): ort.InferenceSession.SessionOptions => ({
  ...heldOutputs(hold),
  executionProviders: [provider],
  // with a plan of its memory, which it makes in the first run, it asks the system for all of it again in the second
  enableMemPattern: false,
  intraOpNumThreads: threads,
  logSeverityLevel: 3,
})

async function openGraph(library: typeof ort, graph: Graph, opening: Opening): Promise<ort.InferenceSession> {
  const { cache, folder = tmpdir() } = opening
  if (cache) {
    try {
      return await openCached(library, graph, opening, cache)
    } catch (error) {
      if (!cache.onFailure || error instanceof WeightFileError) throw error
      cache.onFailure(error)
    }
  }
  const work = await mkdtemp(join(folder, 'guided-diffusion-graph-'))
  try {
    return await createSession(
      library,
      graph,
      { ...sessionOptions(opening), graphOptimizationLevel: 'all' },
      work,
    )
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** A session of a graph whose weights lie in files: the model is handed over in memory. @param work for other weights. */
async function createSession(
  library: typeof ort,
  graph: Graph,
  options: ort.InferenceSession.SessionOptions,
  work: string,
): Promise<ort.InferenceSession> {
  const path = resolve(work, 'weights.bin')
  // the runtime takes files below one folder only
  const { root } = parse(path)
  const places = await placeConstants(graph, { path, stays: (place) => parse(place.path).root === root })
  const external = (initializer: Initializer) => {
    const place = places.get(initializer)
    if (!place) return undefined
    const location = relative(root, place.path).replaceAll('\\', '/')
    return { location, offset: place.offset, length: place.length }
  }
  const { session = {} } = (options.extra ?? {}) as { session?: Record<string, string> }
  const extra = { session: { ...session, model_external_initializers_file_folder_path: root } }
  const model = Buffer.concat(onnxModel(graph, { external }))
  return library.InferenceSession.create(model, { ...options, extra })
}

/** To be raised whenever entries of before must not be used any more. */
const cacheVersion = 1

async function openCached(
  library: typeof ort,
  graph: Graph,
  opening: Opening,
  cache: GraphCacheOptions,
): Promise<ort.InferenceSession> {
  const files = filesOf(graph)
  const states = await Promise.all(files.map(fileState))
  const { common, node } = library.env.versions
  const facts = [
    cacheVersion,
    common,
    node,
    opening.provider,
    await machineIdentity(),
    await graphIdentity(graph, cache.folder),
  ]
  const key = digest(JSON.stringify(facts))
  const make = () =>
    makeEntry(cache, key, async (folder) => {
      await writeOptimized(library, graph, opening, folder)
      const now = await Promise.all(files.map(fileState))
      const changed = files.find((_, i) => now[i] !== states[i])
      if (changed === undefined) return
      throw new WeightFileError({
        file: changed,
        problem: 'changed while a graph was made of it',
        advice: 'Leave files of weights as they are while they are in use.',
      })
    })
  const create = (entry: string) =>
    library.InferenceSession.create(join(entry, modelName), {
      ...sessionOptions(opening),
      graphOptimizationLevel: 'disabled',
    })
  try {
    return await create((await findEntry(cache, key)) ?? (await make()))
  } catch (error) {
    // another process took it away meanwhile, or it is no fault of the entry
    if (error instanceof WeightFileError || (await findEntry(cache, key))) throw error
    return create(await make())
  }
}

/** The graph as the runtime optimises it for this machine, and its weights as they are then used. */
async function writeOptimized(
  library: typeof ort,
  graph: Graph,
  opening: Opening,
  folder: string,
): Promise<void> {
  const work = `${folder}.${randomUUID()}.part`
  await mkdir(work)
  const session = {
    optimized_model_external_initializers_file_name: 'weights.bin',
    optimized_model_external_initializers_min_size_in_bytes: '1024',
  }
  try {
    const made = await createSession(
      library,
      graph,
      {
        ...sessionOptions(opening),
        graphOptimizationLevel: 'all',
        optimizedModelFilePath: join(folder, modelName),
        extra: { session },
      },
      work,
    )
    await made.release()
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
