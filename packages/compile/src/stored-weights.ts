/** Weights that stay in their file. */
import { closeSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type * as tf from '@tensorflow/tfjs-core'
import { WeightFileError } from './errors.ts'
import { type FilePlace, sizeOf } from './graph.ts'
import { storedTensor } from './stored-tensor.ts'

/** A tensor of a safetensors file: its place in the file, and how TensorFlow.js is to see it. */
export interface StoredWeight {
  /** What the file calls it. */
  readonly name: string
  /** Axis i of the tensor is axis `order[i]` of the file's; axes of length 1 may be left out. @default as in the file */
  readonly order?: readonly number[]
}

/**
 * Tensors that are a part of a safetensors file, of float32: nothing is read, and a graph that uses one as it lies (or
 * only turned back into the layout of the file, which is the one that a convolution has) points into the file. Elsewhere
 * they are read when they are needed. The file must stay as it is while they are used. Yours to dispose.
 *
 * @param wanted by the name that the tensor is to have.
 * @throws WeightFileError where the file is none of this format or lacks a tensor.
 * @example
 * const weights = await storedWeights('linear.safetensors', { weight: { name: 'weight', order: [1, 0] } })
 */
export async function storedWeights(
  path: string,
  wanted: Readonly<Record<string, StoredWeight>>,
): Promise<Record<string, tf.Tensor>> {
  const absolute = resolve(path)
  const places = await safetensorsPlaces(absolute)
  const found = Object.entries(wanted).map(([name, { name: stored, order }]) => {
    const entry = places.get(stored)
    if (entry?.type !== 'F32') {
      throw new WeightFileError({
        file: path,
        problem: entry ? `holds ${stored} as ${entry.type}, not F32` : `has no tensor ${stored}`,
        advice: 'Load the weights into memory, or convert the file to float32 safetensors.',
      })
    }
    const { shape, place } = entry
    const axes = order ?? shape.map((_, axis) => axis)
    return { name, place, shape, order: axes }
  })
  return Object.fromEntries(
    found.map(({ name, place, shape, order }) => {
      const rest = shape.flatMap((_, axis) => (order.includes(axis) ? [] : [axis]))
      const array = { place, read: () => readPlace(place) }
      const seen = order.map((axis) => shape[axis] as number)
      return [name, storedTensor({ array, shape, order: [...order, ...rest] }, seen)]
    }),
  )
}

interface Entry {
  readonly type: string
  readonly shape: readonly number[]
  readonly place: FilePlace
}

interface HeaderEntry {
  readonly dtype?: string
  readonly shape?: number[]
  readonly data_offsets?: number[]
}

/** The header: a 64-bit length, JSON. */
async function safetensorsPlaces(path: string): Promise<Map<string, Entry>> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const length = size < 8 ? Number.NaN : Number((await bytes(8, 0)).readBigUInt64LE())
    if (!(length <= size - 8 && length <= 100_000_000)) throw malformed('has no header')
    const header = parsed((await bytes(length, 8)).toString('utf8'))
    const start = 8 + length
    const entries = new Map<string, Entry>()
    for (const [name, entry] of Object.entries(header)) {
      if (name === '__metadata__') continue
      const { dtype: type, shape, data_offsets } = entry ?? {}
      const [begin, end] = data_offsets ?? []
      if (!type || !Array.isArray(shape) || begin === undefined || end === undefined)
        throw malformed(`does not tell what ${name} is`)
      const place = { path, offset: start + begin, length: end - begin }
      const fits = type !== 'F32' || place.length === 4 * sizeOf(shape)
      if (!(fits && begin >= 0 && begin <= end && start + end <= size))
        throw malformed(`has not all bytes of ${name}`)
      entries.set(name, { type, shape, place })
    }
    return entries
  } finally {
    await file.close()
  }

  async function bytes(count: number, position: number): Promise<Buffer> {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, position)
    if (bytesRead < count) throw malformed('ends within its header')
    return buffer
  }

  function parsed(text: string): Readonly<Record<string, HeaderEntry | undefined>> {
    let header: unknown
    try {
      header = JSON.parse(text)
    } catch {
      throw malformed('has a header that is not JSON')
    }
    if (typeof header !== 'object' || header === null || Array.isArray(header))
      throw malformed('has no tensors')
    return header as Readonly<Record<string, HeaderEntry | undefined>>
  }

  function malformed(problem: string) {
    return new WeightFileError({
      file: path,
      problem: `is no whole safetensors file: it ${problem}`,
      advice: 'Convert other files to safetensors; get a damaged one again.',
    })
  }
}

/** At most so many bytes are read at once: a limit of Node. */
const largestRead = 2 ** 30

function readPlace({ path, offset, length }: FilePlace): Float32Array {
  const bytes = new Uint8Array(length)
  const file = openSync(path, 'r')
  try {
    for (let done = 0; done < length; ) {
      const read = readSync(file, bytes, done, Math.min(length - done, largestRead), offset + done)
      if (read === 0) {
        throw new WeightFileError({
          file: path,
          problem: 'is shorter than it was when it was opened',
          advice: 'Leave files of weights as they are while they are in use.',
        })
      }
      done += read
    }
  } finally {
    closeSync(file)
  }
  return new Float32Array(bytes.buffer)
}
