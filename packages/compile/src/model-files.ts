/** Graphs on disk: the model, and its large constants in a file beside it, which the runtime maps into memory. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Graph, Initializer } from './graph.ts'
import { byteLength, bytesOf, type ExternalData, onnxModel } from './onnx-file.ts'

export interface ModelFiles {
  /** Path of the model. */
  readonly model: string
  /** Removes what need not stay. */
  release(): Promise<void>
}

/** Constants from this size on lie outside the model. */
const externalFrom = 1024
/** Where each begins: a multiple of what systems map. */
const alignment = 4096

const weightsName = 'weights.bin'

/** Writes a graph to a folder of its own. */
export async function modelFiles(graph: Graph, folder?: string): Promise<ModelFiles> {
  const place = await mkdtemp(join(folder ?? tmpdir(), 'guided-diffusion-graph-'))
  try {
    const model = join(place, 'model.onnx')
    await writeModel(graph, model)
    return { model, release: () => rm(place, { recursive: true, force: true }) }
  } catch (error) {
    await rm(place, { recursive: true, force: true })
    throw error
  }
}

/** Writes a graph: the model under this path, large constants beside it. */
export async function writeModel(graph: Graph, path: string, weights = weightsName): Promise<void> {
  const places = new Map<Initializer, ExternalData>()
  let offset = 0
  for (const initializer of graph.initializers) {
    const length = byteLength(initializer.value)
    if (length < externalFrom) continue
    places.set(initializer, { location: weights, offset, length })
    offset += Math.ceil(length / alignment) * alignment
  }
  if (places.size > 0) {
    const file = await open(join(path, '..', weights), 'w')
    try {
      for (const [{ read }, place] of places) await file.write(bytesOf(read()), 0, place.length, place.offset)
    } finally {
      await file.close()
    }
  }
  const file = await open(path, 'w')
  try {
    for (const chunk of onnxModel(graph, { external: (initializer) => places.get(initializer) }))
      await file.write(chunk)
  } finally {
    await file.close()
  }
}
