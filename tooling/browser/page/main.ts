/** What tests call in the page. */
// @boundaries-ignore the source itself, bundled into the page
import { findCases } from '../../golden/cases.ts'
// @boundaries-ignore the source itself, bundled into the page
import { compiled, eager } from '../../golden/computing.ts'
// @boundaries-ignore the source itself, bundled into the page
import { notCompared, type Result } from '../../golden/result.ts'
import { convolutionOn, convolutionOnJax, operations } from './convolution.ts'
import { type EngineName, startEngine } from './engine.ts'
import { fetchedFiles } from './fetched-files.ts'
import { type Sampled, type SamplingOptions, sampleEmbedded } from './sampling.ts'
import { type Passed, passOn, passOnJax } from './unet-pass.ts'

export interface GoldenResult {
  readonly name: string
  readonly seconds: number
  readonly result: Result
}

type Library = EngineName | 'jax-wasm' | 'jax-webgpu'

declare global {
  var engines: {
    sample(engine: EngineName, options: SamplingOptions): Promise<Sampled & { description: string }>
    /** Golden vectors whose name matches. */
    golden(engine: EngineName, only: string): Promise<GoldenResult[]>
    /** Seconds and GFLOP/s of a convolution, on an engine or on jax-js. */
    convolve(library: Library): Promise<{ seconds: number; gflops: number }>
    /** One pass of the embedded denoiser, on an engine or on jax-js. */
    pass(library: Library, images: number): Promise<Passed>
  }
}

globalThis.engines = {
  sample: async (name, options) => {
    const { description, runtime } = await startEngine(name)
    return { description, ...(await sampleEmbedded({ ...options, runtime })) }
  },

  golden: async (engine, only) => {
    const { runtime } = await startEngine(engine)
    const pattern = new RegExp(only)
    const cases = await findCases(await fetchedFiles(), runtime ? compiled(runtime) : eager)
    const results: GoldenResult[] = []
    for (const { name, run } of cases.filter((each) => pattern.test(each.name))) {
      const began = performance.now()
      const result = await run().catch((error: unknown) => notCompared('failed', String(error)))
      results.push({ name, seconds: (performance.now() - began) / 1000, result })
    }
    return results
  },

  convolve: async (library) => {
    const { seconds } = await onLibrary(library, convolutionOn, convolutionOnJax)
    return { seconds, gflops: operations / seconds / 1e9 }
  },

  pass: (library, images) =>
    onLibrary(
      library,
      (engine) => passOn(engine, images),
      (device) => passOnJax(device, images),
    ),
}

function onLibrary<T>(
  library: Library,
  onEngine: (engine: EngineName) => T,
  onJax: (device: 'wasm' | 'webgpu') => T,
): T {
  if (library === 'jax-wasm') return onJax('wasm')
  return library === 'jax-webgpu' ? onJax('webgpu') : onEngine(library)
}
