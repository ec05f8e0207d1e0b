import { describe, PickleObject, PickleProblem, PickleTuple, type PickleValue } from './pickle-values.ts'

/** Single numbers of numpy, which training scripts leave in checkpoints: a best score, a learning rate. */

class NumpyDtype {
  readonly code: string
  bigEndian = false

  constructor(code: string) {
    this.code = code
  }
}

const readers: Readonly<Record<string, (view: DataView, little: boolean) => PickleValue>> = {
  f8: (view, little) => view.getFloat64(0, little),
  f4: (view, little) => view.getFloat32(0, little),
  i8: (view, little) => compact(view.getBigInt64(0, little)),
  i4: (view, little) => view.getInt32(0, little),
  i2: (view, little) => view.getInt16(0, little),
  i1: (view) => view.getInt8(0),
  u8: (view, little) => compact(view.getBigUint64(0, little)),
  u4: (view, little) => view.getUint32(0, little),
  u2: (view, little) => view.getUint16(0, little),
  u1: (view) => view.getUint8(0),
  b1: (view) => view.getUint8(0) !== 0,
}

export const numpyNames: readonly (readonly [string, (args: readonly PickleValue[]) => PickleValue])[] = [
  ['numpy.dtype', dtype],
  ['numpy.core.multiarray.scalar', scalar],
  ['numpy._core.multiarray.scalar', scalar],
]

function dtype([code]: readonly PickleValue[]): PickleValue {
  if (typeof code !== 'string' || !Object.hasOwn(readers, code)) {
    throw new PickleProblem(`a number of numpy has the dtype ${describe(code)}`)
  }
  return new PickleObject(new NumpyDtype(code))
}

/** The state of a numpy dtype: (version, byte order, …). */
export function setNumpyState(object: PickleObject, state: PickleValue): void {
  const order = state instanceof PickleTuple ? state.items[1] : undefined
  if (!(object.content instanceof NumpyDtype) || (order !== '<' && order !== '>' && order !== '|')) {
    throw new PickleProblem('it gives a state to an object that takes none')
  }
  object.content.bigEndian = order === '>'
}

function scalar([type, bytes]: readonly PickleValue[]): PickleValue {
  const content = type instanceof PickleObject ? type.content : undefined
  if (!(content instanceof NumpyDtype)) throw new PickleProblem('a number of numpy has no dtype')
  if (!(bytes instanceof Uint8Array) || bytes.length !== Number(content.code[1])) {
    throw new PickleProblem('a number of numpy has a wrong number of bytes')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (readers[content.code] as (typeof readers)[string])(view, !content.bigEndian)
}

function compact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
