import { PickleEnd, PickleProblem } from './pickle-values.ts'

const newline = 0x0a
const longestLine = 2 ** 16

/** Reads the arguments of opcodes, in order; every length is checked against what is there. */
export class PickleBytes {
  at: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
  }

  #advance(count: number): number {
    const start = this.at
    if (count > this.#bytes.length - start) throw new PickleEnd('it ends in the middle of a value')
    this.at = start + count
    return start
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false)
  }

  length64(): number {
    const length = this.#view.getBigUint64(this.#advance(8), true)
    if (length > BigInt(this.#bytes.length)) throw new PickleEnd(`it holds a value of ${length} bytes`)
    return Number(length)
  }

  /** A copy. */
  bytes(count: number): Uint8Array {
    const start = this.#advance(count)
    return this.#bytes.slice(start, start + count)
  }

  text(count: number): string {
    const start = this.#advance(count)
    try {
      return this.#utf8.decode(this.#bytes.subarray(start, start + count))
    } catch {
      throw new PickleProblem(`a text at byte ${start} is not UTF-8`)
    }
  }

  /** A text of Python 2, whose encoding is unknown: UTF-8 where it can be, else one character a byte. */
  byteText(count: number): string {
    const start = this.#advance(count)
    const part = this.#bytes.subarray(start, start + count)
    try {
      return this.#utf8.decode(part)
    } catch {
      return latin1(part)
    }
  }

  line(): string {
    const end = this.#bytes.subarray(this.at, this.at + longestLine).indexOf(newline)
    if (end < 0) {
      if (this.#bytes.length - this.at >= longestLine) throw new PickleProblem('a line of it does not end')
      throw new PickleEnd('it ends in the middle of a line')
    }
    const text = this.byteText(end)
    this.at += 1
    return text
  }

  /** A whole number of `count` bytes in two's complement, low byte first. */
  long(count: number): number | bigint {
    // Real files use up to 11 bytes, for sizes, identities and the magic number.
    if (count > 256) throw new PickleProblem(`it holds a whole number of ${count} bytes`)
    const start = this.#advance(count)
    let digits = '0x0'
    for (let i = count - 1; i >= 0; i--)
      digits += this.#view
        .getUint8(start + i)
        .toString(16)
        .padStart(2, '0')
    return compact(BigInt.asIntN(8 * count, BigInt(digits)))
  }

  decimal(): number | bigint | boolean {
    const text = this.line()
    if (text === '00' || text === '01') return text === '01'
    const digits = text.endsWith('L') ? text.slice(0, -1) : text
    if (!/^-?\d{1,1000}$/.test(digits)) throw new PickleProblem('it holds a whole number without digits')
    return compact(BigInt(digits))
  }

  decimalFloat(): number {
    const text = this.line()
    const special: Readonly<Record<string, number>> = {
      inf: Number.POSITIVE_INFINITY,
      '-inf': Number.NEGATIVE_INFINITY,
      nan: Number.NaN,
      '-nan': Number.NaN,
    }
    const value = special[text] ?? (/^[-+.\deE]+$/.test(text) ? Number(text) : Number.NaN)
    if (Number.isNaN(value) && !text.endsWith('nan'))
      throw new PickleProblem('it holds a number without digits')
    return value
  }
}

function compact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  return text
}
