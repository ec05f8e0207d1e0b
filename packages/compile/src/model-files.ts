/**
 * Graphs on disk: the model, and its large constants outside of it, which the runtime maps into memory. A constant that is
 * a part of a file of weights, as it lies there, stays where it is; the others are written to a file of their own.
 */
import { type FileHandle, open } from 'node:fs/promises'
import type { FilePlace, Graph, Initializer } from './graph.ts'
import { byteLength, bytesOf } from './onnx-file.ts'
import { isUntouched } from './origin.ts'

/** Constants from this size on lie outside the model. */
const externalFrom = 1024
/** Where each begins: a multiple of what systems map. */
const alignment = 4096

export interface PlaceOptions {
  /** The file for constants that must be written; absolute. */
  readonly path: string
  /** Whether a constant may stay in the file that it comes from. @default all may */
  readonly stays?: (place: FilePlace) => boolean
}

/** Writes the large constants that lie nowhere yet, and tells where each large one is. */
export async function placeConstants(
  graph: Graph,
  { path, stays = () => true }: PlaceOptions,
): Promise<ReadonlyMap<Initializer, FilePlace>> {
  const places = new Map<Initializer, FilePlace>()
  const written: Initializer[] = []
  let end = 0
  for (const initializer of graph.initializers) {
    const { origin, value } = initializer
    const length = byteLength(value)
    if (length < externalFrom) continue
    const place = origin && isUntouched(origin) ? origin.array.place : undefined
    if (place && stays(place)) places.set(initializer, place)
    else {
      places.set(initializer, { path, offset: end, length })
      written.push(initializer)
      end += Math.ceil(length / alignment) * alignment
    }
  }
  if (written.length > 0) {
    const file = await open(path, 'w')
    try {
      for (const initializer of written) {
        const { offset } = places.get(initializer) as FilePlace
        await writeAll(file, bytesOf(initializer.read()), offset)
      }
    } finally {
      await file.close()
    }
  }
  return places
}

/** At most so many bytes are written at once: a limit of Node. */
const largestWrite = 2 ** 30

export async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, largestWrite)
    const { bytesWritten } = await file.write(bytes, done, length, offset + done)
    done += bytesWritten
  }
}
