import { Inflate } from 'fflate'
import { MalformedFileError } from './errors.ts'

/** What deflate can make of one byte: 258 bytes from every 2 bits. */
export const deflateGrowth = 1032

/** Packed bytes are inflated in pieces that cannot become much more than what is still wanted. */
const smallestPiece = 2 ** 10
const largestPiece = 2 ** 16

/** Inflates bytes that are known to become `size` bytes; becoming more or less is an error. */
export function inflate(packed: Uint8Array, size: number, source: string): Uint8Array {
  const result = new Uint8Array(size)
  const filled = run(packed, size, source, (chunk, at) => {
    if (chunk.length > size - at) throw broken(source, `it inflates to more than ${size} bytes`)
    result.set(chunk, at)
    return true
  })
  if (filled < size) throw broken(source, `it inflates to ${filled} bytes, expected ${size}`)
  return result
}

/** The first `most` bytes, or fewer if there are no more; the packed bytes may end anywhere. */
export function inflateStart(packed: Uint8Array, most: number, source: string): Uint8Array {
  const result = new Uint8Array(most)
  const filled = run(packed, most, source, (chunk, at) => {
    result.set(chunk.subarray(0, most - at), at)
    return at + chunk.length < most
  })
  return result.subarray(0, Math.min(filled, most))
}

/** Inflates until the input ends or `take` says no; gives the number of bytes made, of `size` that are expected. */
function run(
  packed: Uint8Array,
  size: number,
  source: string,
  take: (chunk: Uint8Array, at: number) => boolean,
): number {
  let made = 0
  let wanted = true
  const stream = new Inflate((chunk) => {
    if (wanted) wanted = take(chunk, made)
    made += chunk.length
  })
  try {
    for (let at = 0; wanted && at < packed.length; ) {
      const piece = Math.max(smallestPiece, Math.min(largestPiece, Math.ceil((size - made) / deflateGrowth)))
      stream.push(packed.subarray(at, at + piece))
      at += piece
    }
  } catch (cause) {
    if (cause instanceof MalformedFileError) throw cause
    throw broken(source, `it cannot be inflated (${cause instanceof Error ? cause.message : cause})`)
  }
  return made
}

function broken(source: string, problem: string): MalformedFileError {
  return new MalformedFileError({ source, format: 'zip', problems: [problem] })
}
