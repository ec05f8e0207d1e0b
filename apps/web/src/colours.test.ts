import { describe, expect, test } from 'vitest'
import { pictureColours, pullColour, pullColours, pullPalette } from './colours.ts'
import { fromBytes, toBytes, toSignedBytes } from './pixels.ts'

describe('pictures', () => {
  test('of one channel are grey, of three coloured', () => {
    expect([...pictureColours(Uint8Array.of(0, 200), 1)]).toEqual([0, 0, 0, 255, 200, 200, 200, 255])
    expect([...pictureColours(Uint8Array.of(1, 2, 3), 3)]).toEqual([1, 2, 3, 255])
  })

  test('are rounded as the reference code does', () => {
    expect([...toBytes(Float32Array.of(-1, -1.4, 0, 0.999, 1, 7))]).toEqual([0, 0, 127, 254, 255, 255])
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const back = toBytes(fromBytes(bytes))
    expect(Math.max(...bytes.map((byte, i) => Math.abs(byte - (back[i] as number))))).toBeLessThanOrEqual(1)
  })
})

describe('the palette of pulls', () => {
  test('is black in its middle and has its colours at its ends', () => {
    expect(pullColour(0)).toEqual([...pullPalette.none, 255])
    expect(pullColour(1)).toEqual([...pullPalette.brighter, 255])
    expect(pullColour(-1)).toEqual([...pullPalette.darker, 255])
    expect(pullColour(-5)).toEqual(pullColour(-1))
  })

  test('grows with the pull', () => {
    const reds = [0, 0.25, 0.5, 0.75, 1].map((value) => pullColour(value)[0])
    expect(reds).toEqual([...reds].sort((a, b) => a - b))
    const blues = [0, -0.25, -0.5, -0.75, -1].map((value) => pullColour(value)[2])
    expect(blues).toEqual([...blues].sort((a, b) => a - b))
  })

  test('shows the mean of three channels', () => {
    expect([...pullColours(Int8Array.of(127, 0, -127), 3)]).toEqual(pullColour(0))
  })

  test('takes each picture by its own largest value', () => {
    expect([...toSignedBytes(Float32Array.of(1, -0.5, 0, 0, 0.001, -0.002), 3)]).toEqual([
      127, -63, 0, 0, 64, -127,
    ])
  })
})
