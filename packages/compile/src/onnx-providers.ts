/** What ONNX Runtime can compute on here. */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { GraphBuilder } from './graph.ts'
import { onnxModel } from './onnx-file.ts'

export type OnnxProvider = {
  /** As `provider` of `onnxRuntimeNode` has it. */
  readonly name: 'cpu' | 'webgpu'
} & ({ readonly available: true } | { readonly available: false; readonly reason: string })

/** Milliseconds after which a provider counts as one that does not start. */
const patience = 30_000

/**
 * Tries each provider on a small sum, in a process of its own: what a driver of a graphics card prints, or breaks, stays
 * there.
 */
export function onnxProviders(): Promise<readonly OnnxProvider[]> {
  return Promise.all((['cpu', 'webgpu'] as const).map(tried))
}

const script = `
const [library, provider, model] = process.argv.slice(1)
const { InferenceSession, Tensor } = require(library)
const options = { executionProviders: [provider], logSeverityLevel: 4 }
const say = (text) => process.stdout.write('\\n' + JSON.stringify(text))
InferenceSession.create(Buffer.from(model, 'base64'), options)
  .then((session) => session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [2]) }))
  .then(({ y }) => say(y.data[1] === 4 ? 'works' : 'it computes 2 + 2 = ' + y.data[1]))
  .catch(({ message }) => say(message))
`

async function tried(name: OnnxProvider['name']): Promise<OnnxProvider> {
  const builder = new GraphBuilder()
  const x = builder.input('x', 'float32', [2])
  const graph = builder.finish(new Map([['y', builder.node('Add', [x, x], { shape: [2] })]]))
  try {
    const library = createRequire(import.meta.url).resolve('onnxruntime-node')
    const model = Buffer.concat(onnxModel(graph)).toString('base64')
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, library, name, model], {
      timeout: patience,
    })
    const said = JSON.parse(stdout.slice(stdout.lastIndexOf('\n'))) as string
    return said === 'works' ? { name, available: true } : { name, available: false, reason: short(said) }
  } catch (error) {
    const { code } = error as { code?: string }
    const reason = code === 'MODULE_NOT_FOUND' ? 'onnxruntime-node is not installed' : 'it ends its process'
    return { name, available: false, reason }
  }
}

/** What a message of the runtime says after the place in its code, in one line. */
function short(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim()
  const said = /was false\. (.*)$/.exec(line)?.[1] ?? line
  return said.replace(/\.$/, '').slice(0, 200)
}
