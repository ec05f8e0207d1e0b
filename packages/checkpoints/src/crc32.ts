const polynomial = 0xedb88320

let tables: readonly Int32Array[] | undefined

/** `tables[k][b]`: the checksum of the byte b with k zero bytes after it. */
function crcTables(): readonly Int32Array[] {
  if (tables) return tables
  const made = Array.from({ length: 8 }, () => new Int32Array(256))
  const first = made[0] as Int32Array
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    first[byte] = crc
  }
  for (let k = 1; k < 8; k++) {
    const before = made[k - 1] as Int32Array
    const table = made[k] as Int32Array
    for (let byte = 0; byte < 256; byte++) {
      const crc = before[byte] as number
      table[byte] = (crc >>> 8) ^ (first[crc & 255] as number)
    }
  }
  tables = made
  return made
}

/** CRC-32 as in zip, eight bytes a step; `crc` continues an earlier part. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = crcTables() as Int32Array[] & { length: 8 }
  if (!t0 || !t1 || !t2 || !t3 || !t4 || !t5 || !t6 || !t7) return crc
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let state = ~crc
  let at = 0
  for (; at + 8 <= bytes.length; at += 8) {
    const low = state ^ view.getInt32(at, true)
    const high = view.getInt32(at + 4, true)
    state =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 255] as number) ^
      (t2[(high >>> 8) & 255] as number) ^
      (t1[(high >>> 16) & 255] as number) ^
      (t0[high >>> 24] as number)
  }
  for (; at < bytes.length; at++)
    state = (state >>> 8) ^ (t0[(state ^ (bytes[at] as number)) & 255] as number)
  return ~state >>> 0
}
