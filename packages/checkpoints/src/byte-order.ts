/** The order in which this machine lays out the bytes of a number. */
export const hostByteOrder: ByteOrder = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 'little' : 'big'

export type ByteOrder = 'little' | 'big'

/** Turns every element of `size` bytes around, in place. */
export function swapBytes(bytes: Uint8Array, size: 1 | 2 | 4 | 8): void {
  if (size === 1) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (size === 2) for (let i = 0; i < bytes.length; i += 2) view.setUint16(i, view.getUint16(i, true))
  else if (size === 4) for (let i = 0; i < bytes.length; i += 4) view.setUint32(i, view.getUint32(i, true))
  else for (let i = 0; i < bytes.length; i += 8) view.setBigUint64(i, view.getBigUint64(i, true))
}
