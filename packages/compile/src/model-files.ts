/**
 * Graphs on disk: the model, and its large constants outside of it, which the runtime maps into memory. A constant that is
 * a part of a file of weights, as it lies there, stays where it is; the others are written to a file of their own.
 */
import { type FileHandle, open } from 'node:fs/promises'
import type { FilePlace, Graph, Initializer } from './graph.ts'
import { byteLength, bytesOf, bytesPerElement, isLarge } from './onnx-file.ts'
import { isUntouched } from './origin.ts'

/** Where each begins: a multiple of what systems map. */
const alignment = 4096
/** Places one after another in one file. */
export function placesInOneFile(
  initializers: readonly Initializer[],
): Map<Initializer, { readonly offset: number; readonly length: number }> {
  let end = 0
  return new Map(
    initializers.map((initializer) => {
      const [offset, length] = [end, byteLength(initializer.value)]
      end += Math.ceil(length / alignment) * alignment
      return [initializer, { offset, length }]
    }),
  )
}

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
  const others: Initializer[] = []
  for (const initializer of graph.initializers.filter(isLarge)) {
    const { origin } = initializer
    const place = origin && isUntouched(origin) ? origin.array.place : undefined
    if (place && place.offset % bytesPerElement[initializer.value.type] === 0 && stays(place))
      places.set(initializer, place)
    else others.push(initializer)
  }
  const written = placesInOneFile(others)
  for (const [initializer, place] of written) places.set(initializer, { path, ...place })
  if (written.size > 0) {
    const file = await open(path, 'w')
    try {
      for (const [{ read }, { offset }] of written) await writeAll(file, bytesOf(read()), offset)
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
