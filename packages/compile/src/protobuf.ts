/**
 * Protocol Buffers' wire format, as much of it as an ONNX file needs: varints, 32-bit floats, and fields with a length.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const encoder = new TextEncoder()

/** Bytes of a known length that are made when they are written. */
interface Deferred {
  readonly length: number
  readonly make: () => Uint8Array
}

/** A message being written: chunks in order. Large tensors stay views, or are made when their turn comes. */
export class Message {
  readonly #chunks: (Uint8Array | Deferred)[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  integer(field: number, value: number | bigint): this {
    return this.#push(varint(field << 3), varint(value))
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.#push(varint((field << 3) | 5), bytes)
  }

  text(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value))
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#push(varint((field << 3) | 2), varint(value.length), value)
  }

  /** Bytes that are made when the message is written, and not kept. */
  deferred(field: number, length: number, make: () => Uint8Array): this {
    return this.#push(varint((field << 3) | 2), varint(length), { length, make })
  }

  message(field: number, value: Message): this {
    this.#push(varint((field << 3) | 2), varint(value.length))
    for (const chunk of value.#chunks) this.#push(chunk)
    return this
  }

  /** The message's parts, in order, each made when it is asked for. */
  *chunks(): Generator<Uint8Array> {
    for (const chunk of this.#chunks) yield chunk instanceof Uint8Array ? chunk : chunk.make()
  }

  #push(...chunks: (Uint8Array | Deferred)[]): this {
    for (const chunk of chunks) {
      this.#chunks.push(chunk)
      this.#length += chunk.length
    }
    return this
  }
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}
