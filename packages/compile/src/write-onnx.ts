/** Graphs as `.onnx` files for others. */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { ModelTooLargeError } from './errors.ts'
import type { Graph, Initializer } from './graph.ts'
import { placesInOneFile, writeAll } from './model-files.ts'
import { bytesOf, type ExternalData, isLarge, onnxMessage } from './onnx-file.ts'
import type { Message } from './protobuf.ts'

export interface WriteOnnxOptions {
  /**
   * Where the weights go: into the file, or into one beside it, `FILE.onnx.data`. A file of ONNX ends at 2 GiB.
   *
   * @default inside where they fit
   */
  readonly weights?: 'inside' | 'beside'
  /** Texts that the file carries. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Called after each constant with the bytes that are written, of those that there are. */
  readonly onProgress?: (progress: { readonly loaded: number; readonly total: number }) => void
  readonly signal?: AbortSignal
}

/** The format's own limit, in bytes. */
const limit = 2 ** 31 - 1

/**
 * Writes a graph: whole, or not at all. Weights are read one at a time.
 *
 * @returns the files that were written, the model first.
 * @throws ModelTooLargeError when the weights shall lie in a file that they do not fit in.
 * @example
 * await writeOnnx(standardOperators(graph), 'denoiser.onnx')
 */
export async function writeOnnx(
  graph: Graph,
  path: string,
  options: WriteOnnxOptions = {},
): Promise<readonly string[]> {
  const { metadata = {} } = options
  const inside = onnxMessage(graph, { metadata })
  if (options.weights === 'inside' && inside.length > limit)
    throw new ModelTooLargeError({ bytes: inside.length, limit })
  const weights = options.weights ?? (inside.length > limit ? 'beside' : 'inside')
  const report = reporter(options)
  if (weights === 'inside') {
    await whole([path], ([file]) => writeMessage(file as FileHandle, inside, inside.length, report))
    return [path]
  }
  const data = `${path}.data`
  const places = placesInOneFile(graph.initializers.filter(isLarge))
  const external = (initializer: Initializer): ExternalData | undefined => {
    const place = places.get(initializer)
    return place && { location: basename(data), ...place }
  }
  const message = onnxMessage(graph, { metadata, external })
  const total = message.length + [...places.values()].reduce((sum, { length }) => sum + length, 0)
  await whole([data, path], async ([beside, model]) => {
    let done = 0
    for (const [{ read }, { offset, length }] of places) {
      await writeAll(beside as FileHandle, bytesOf(read()), offset)
      done += length
      report(done, total)
    }
    await writeMessage(model as FileHandle, message, total, report, done)
  })
  return [path, data]
}

type Report = (done: number, total: number) => void

function reporter({ onProgress, signal }: WriteOnnxOptions): Report {
  return (loaded, total) => {
    signal?.throwIfAborted()
    onProgress?.({ loaded, total })
  }
}

async function writeMessage(
  file: FileHandle,
  message: Message,
  total: number,
  report: Report,
  before = 0,
): Promise<void> {
  let end = 0
  let pending: Uint8Array[] = []
  let length = 0
  const flush = async () => {
    const bytes = pending.length === 1 ? (pending[0] as Uint8Array) : Buffer.concat(pending)
    await writeAll(file, bytes, end)
    end += length
    pending = []
    length = 0
    report(before + end, total)
  }
  for (const chunk of message.chunks()) {
    pending.push(chunk)
    length += chunk.length
    if (length >= 2 ** 20) await flush()
  }
  await flush()
}

/** Writes files beside where they shall be, and renames them when all are there. */
async function whole(
  paths: readonly string[],
  write: (files: readonly FileHandle[]) => Promise<void>,
): Promise<void> {
  const parts = paths.map((path) => `${path}.${randomUUID()}.part`)
  const files: FileHandle[] = []
  try {
    for (const part of parts) files.push(await open(part, 'wx'))
    await write(files)
    for (const file of files.splice(0)) await file.close()
    for (const [i, path] of paths.entries()) await rename(parts[i] as string, path)
  } finally {
    for (const file of files) await file.close()
    for (const part of parts) await rm(part, { force: true })
  }
}
