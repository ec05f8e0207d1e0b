/**
 * What a graph computes, as a short text: structure and numbers. Two graphs share it only if they are the same function.
 *
 * Numbers in memory are hashed. Numbers in a file are known by the hash of the file's content, which is remembered for as
 * long as the file is the same to the file system: device, number, size, and the times of its last change in nanoseconds,
 * one of which no program can set. A file that changed within two seconds before it was hashed is hashed again next time,
 * since clocks of file systems are coarse.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WeightFileError } from './errors.ts'
import type { FilePlace, Graph, Initializer } from './graph.ts'
import { bytesOf } from './onnx-file.ts'
import { replaceFile } from './replace-file.ts'

/** @param folder where hashes of files are remembered. */
export async function graphIdentity(graph: Graph, folder: string): Promise<string> {
  const { inputs, outputs, outputNames, nodes, initializers } = graph
  const numbers: unknown[] = []
  for (const initializer of initializers)
    numbers.push([initializer.value, await numbersOf(initializer, folder)])
  return digest(JSON.stringify([inputs, outputs, outputNames, nodes, numbers]))
}

export const digest = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

async function numbersOf({ origin, read }: Initializer, folder: string): Promise<unknown> {
  if (!origin) return digest(bytesOf(read()))
  const { array, shape, order } = origin
  const { place } = array
  if (!place) return [digest(bytesOf(array.read())), shape, order]
  return [await fileDigest(place.path, folder), place.offset, place.length, shape, order]
}

/** The files that a graph's numbers lie in. */
export function filesOf({ initializers }: Graph): readonly string[] {
  const places = initializers.map(({ origin }) => origin?.array.place)
  return [
    ...new Set(places.filter((place): place is FilePlace => place !== undefined).map(({ path }) => path)),
  ]
}

/** A text that changes with a file, as the file system sees it. */
export async function fileState(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** Nanoseconds in which a change may leave the times of a file as they are. */
const coarseness = 2_000_000_000n

/** SHA-256 of a file. */
async function fileDigest(path: string, folder: string): Promise<string> {
  const state = await fileState(path)
  const remembered = join(folder, `${digest(path)}.digest`)
  const text = await readFile(remembered, 'utf8').catch(() => '')
  const [known, hash] = text.split('\n')
  if (known === state && hash) return hash
  const began = BigInt(Date.now()) * 1_000_000n
  const made = await hashFile(path)
  if ((await fileState(path)) !== state) {
    throw new WeightFileError({
      file: path,
      problem: 'changed while it was read',
      advice: 'Leave files of weights as they are while they are in use.',
    })
  }
  const changed = state.split(' ').slice(-2).map(BigInt)
  if (changed.every((time) => began - time > coarseness)) {
    await mkdir(folder, { recursive: true })
    await replaceFile(remembered, `${state}\n${made}`)
  }
  return made
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(4 * 2 ** 20)
  const file = await open(path)
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
