/** ONNX Runtime in browsers: WebAssembly with threads, and WebGPU. */
import type * as ort from 'onnxruntime-web'
import { deviceFaults } from './device-faults.ts'
import { RuntimeMemoryError, RuntimeUnavailableError } from './errors.ts'
import type { Graph, Initializer } from './graph.ts'
import { halfArithmetic } from './half-arithmetic.ts'
import type { Download } from './held-array.ts'
import { byteLength, bytesOf, type ExternalData, isLarge, onnxModel } from './onnx-file.ts'
import { meansNoMemory } from './out-of-memory.ts'
import { heldOutputs, runtimeSession } from './runtime-session.ts'
import type { GraphRuntime, SessionArray } from './session.ts'
import { webgpuGraph } from './webgpu-graph.ts'

export interface OnnxRuntimeWebOptions {
  /** What computes. @default 'wasm' */
  readonly provider?: 'wasm' | 'webgpu'
  /**
   * What large products are computed in, see `halfArithmetic`: `float16` wants WebGPU on a graphics card that has it.
   *
   * @default 'float32'
   */
  readonly precision?: 'float32' | 'float16'
  /**
   * Threads of WebAssembly. More than one need a page that is `crossOriginIsolated`. The first runtime of a page decides.
   *
   * @default one a core where the page is isolated, else 1
   */
  readonly threads?: number
  /**
   * Where the `.wasm` file of `onnxruntime-web` lies: a folder with a slash at its end, or the file itself.
   *
   * @default beside the package's own code, or where the bundler put it
   */
  readonly wasmPaths?: string | { readonly wasm?: string; readonly mjs?: string }
}

/**
 * ONNX Runtime of a page or a worker, from the package `onnxruntime-web`. Only the code of the provider that is asked for is
 * fetched; WebAssembly itself starts with the first graph. Of WebGPU, `faulty` tells what no call throws.
 *
 * Opening a graph throws RuntimeMemoryError where there is no memory for it, and else RuntimeUnavailableError.
 *
 * @throws RuntimeUnavailableError when the package does not load, the page has no WebGPU, or threads are asked for that it
 * can't have.
 */
export async function onnxRuntimeWeb(options: OnnxRuntimeWebOptions = {}): Promise<GraphRuntime> {
  const { provider = 'wasm', precision = 'float32', wasmPaths } = options
  const threads = threadsFor(options.threads)
  const adapter = provider === 'webgpu' ? await adapterName(precision) : undefined
  const library = await load(provider)
  const { wasm, versions } = library.env
  decideThreads(provider, threads)
  wasm.numThreads = threads
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths
  const device = adapter ?? (threads === 1 ? 'one thread' : `${threads} threads`)
  const faults = provider === 'webgpu' ? deviceFaults() : undefined
  return {
    name: `onnxruntime-web ${provider}`,
    description: `ONNX Runtime ${versions.web}, ${provider === 'wasm' ? 'WebAssembly' : 'WebGPU'}, ${device}`,
    open: async (graph, { hold = [] } = {}) => {
      const computed = precision === 'float16' ? halfArithmetic(graph) : graph
      if (provider === 'wasm')
        return runtimeSession(library.Tensor, await createSession(library, computed, provider), graph)
      const session = await createSession(library, webgpuGraph(computed), provider, hold)
      // the library opens it for the first session
      faults?.watch(await library.env.webgpu.device)
      return runtimeSession(library.Tensor, session, graph, download)
    },
    ...(faults ? { faulty: faults.faulty } : {}),
  }
}

const download: Download<ort.Tensor> = (tensor) => tensor.getData() as Promise<SessionArray>

function threadsFor(asked: number | undefined): number {
  const isolated = globalThis.crossOriginIsolated === true
  const threads = asked ?? (isolated ? (globalThis.navigator?.hardwareConcurrency ?? 1) : 1)
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RuntimeUnavailableError({
      reason: `threads is ${threads}, expected an integer of at least 1`,
      advice: 'Leave threads out to have one a core.',
    })
  }
  if (threads > 1 && !isolated) {
    throw new RuntimeUnavailableError({
      reason: `the page is not cross-origin isolated, so it can't have ${threads} threads`,
      advice:
        'Serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: ' +
        'require-corp, or ask for one thread.',
    })
  }
  return threads
}

/** Threads by provider, as the first runtime had them: the library starts WebAssembly once. */
const decided = new Map<string, number>()

function decideThreads(provider: string, threads: number): void {
  const before = decided.get(provider)
  if (before !== undefined && before !== threads) {
    throw new RuntimeUnavailableError({
      reason: `it runs with ${before} threads in this page already, and can't change to ${threads}`,
      advice: `Ask for ${before} threads, or use a worker of its own.`,
    })
  }
  decided.set(provider, threads)
}

async function adapterName(precision: string): Promise<string> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) {
    throw new RuntimeUnavailableError({
      reason: globalThis.navigator?.gpu
        ? 'WebGPU finds no graphics card that it can use'
        : 'there is no WebGPU here',
      advice:
        "Use a browser that has it, on https or localhost, with hardware acceleration on; or provider: 'wasm'.",
    })
  }
  if (precision === 'float16' && !adapter.features.has('shader-f16')) {
    throw new RuntimeUnavailableError({
      reason: 'the graphics card does not compute in float16',
      advice: "Leave precision out, or give 'float32'.",
    })
  }
  const { description, vendor, architecture } = adapter.info
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed device'
}

async function load(provider: 'wasm' | 'webgpu'): Promise<typeof ort> {
  try {
    // two builds of one library: that with WebGPU is twice as large
    return provider === 'wasm' ? await import('onnxruntime-web/wasm') : await import('onnxruntime-web/webgpu')
  } catch (cause) {
    throw new RuntimeUnavailableError({
      reason: `onnxruntime-web does not load (${(cause as Error)?.message ?? cause})`,
      advice: 'Install it beside @guided-diffusion/compile: npm install onnxruntime-web.',
      cause,
    })
  }
}

async function createSession(
  library: typeof ort,
  graph: Graph,
  provider: string,
  hold: readonly string[] = [],
): Promise<ort.InferenceSession> {
  // handed over one by one, so that the model holds no second copy of them
  const large = graph.initializers.filter(isLarge)
  const places = new Map<Initializer, ExternalData>(
    large.map((each, i) => [each, { location: `${i}.bin`, offset: 0, length: byteLength(each.value) }]),
  )
  const model = joined(onnxModel(graph, { external: (initializer) => places.get(initializer) }))
  try {
    return await library.InferenceSession.create(model, {
      ...heldOutputs(hold),
      executionProviders: [provider],
      // see `sessionOptions` in node.ts
      enableMemPattern: false,
      externalData: large.map(({ read }, i) => ({ path: `${i}.bin`, data: bytesOf(read()) })),
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    })
  } catch (cause) {
    const reason = (cause as Error)?.message ?? `${cause}`
    if (meansNoMemory(reason)) throw new RuntimeMemoryError({ reason: reason.replace(/\.$/, ''), cause })
    throw new RuntimeUnavailableError({
      reason: `it does not start with this graph (${reason})`,
      advice: 'If a .wasm file is not found, pass wasmPaths; else use a smaller model or batch, or Node.',
      cause,
    })
  }
}

/** The parts as one. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
