import type { PickleBytes } from './pickle-bytes.ts'
import type { PickleValue } from './pickle-values.ts'

/** The value of an opcode that only pushes one: numbers, texts, bytes, None. Undefined for all others. */
export function readLiteral(opcode: number, input: PickleBytes): PickleValue | undefined {
  switch (opcode) {
    case 0x4e: // NONE
      return null
    case 0x88: // NEWTRUE
      return true
    case 0x89: // NEWFALSE
      return false
    case 0x4b: // BININT1
      return input.uint8()
    case 0x4d: // BININT2
      return input.uint16()
    case 0x4a: // BININT
      return input.int32()
    case 0x8a: // LONG1
      return input.long(input.uint8())
    case 0x8b: // LONG4
      return input.long(input.uint32())
    case 0x49: // INT
    case 0x4c: // LONG
      return input.decimal()
    case 0x47: // BINFLOAT
      return input.float64()
    case 0x46: // FLOAT
      return input.decimalFloat()
    case 0x8c: // SHORT_BINUNICODE
      return input.text(input.uint8())
    case 0x58: // BINUNICODE
      return input.text(input.uint32())
    case 0x8d: // BINUNICODE8
      return input.text(input.length64())
    case 0x55: // SHORT_BINSTRING
      return input.byteText(input.uint8())
    case 0x54: // BINSTRING
      return input.byteText(input.uint32())
    case 0x43: // SHORT_BINBYTES
      return input.bytes(input.uint8())
    case 0x42: // BINBYTES
      return input.bytes(input.uint32())
    case 0x8e: // BINBYTES8
    case 0x96: // BYTEARRAY8
      return input.bytes(input.length64())
    default:
      return undefined
  }
}
