import { describe, expect, test } from 'vitest'
import { emptyWish, painted } from './wish.ts'
import { decodeWish, encodeWish } from './wish-code.ts'

describe('a wish as text', () => {
  test('comes back as it was', () => {
    const photo = Uint8Array.from({ length: 784 }, (_, i) => (i * 37) % 256)
    let wish = painted(emptyWish([28, 28, 1], 3), 'dark', { x: 4, y: 4, radius: 3 })
    wish = painted(wish, { keep: photo }, { x: 20, y: 20, radius: 6 })
    expect(decodeWish(encodeWish(wish), 3)).toEqual(wish)
    const colour = painted(emptyWish([8, 8, 3], 1), 'bright', { x: 0, y: 0, radius: 2 })
    expect(decodeWish(encodeWish(colour), 1)).toEqual(colour)
    expect(decodeWish(encodeWish(emptyWish([64, 64, 3], 4)), 4)).toEqual(emptyWish([64, 64, 3], 4))
    const large = painted(emptyWish([256, 256, 3], 2), 'bright', { x: 200, y: 100, radius: 30 })
    expect(decodeWish(encodeWish(large), 2)).toEqual(large)
  })

  test('is short where much is alike', () => {
    const band = painted(emptyWish([28, 28, 1]), 'bright', { x: 14, y: 14, radius: 5 })
    expect(encodeWish(band).length).toBeLessThan(120)
    expect(encodeWish(band)).toMatch(/^[\w-]+$/)
  })

  test.each([
    ['not base64', '§§'],
    ['nothing', ''],
    ['no pixels', btoa('\x00\x00\x00\x01')],
    ['a side that is cut off', btoa('\x00\x01')],
    ['more pixels than any model makes', btoa('\x00\xff\xff\x01\x01\x00')],
    ['an oblong', btoa('\x02\x03\x01\x06\x00')],
    ['two channels', btoa('\x02\x02\x02\x04\x00')],
    ['too few pixels', btoa('\x02\x02\x01\x03\x00')],
    ['too many pixels', btoa('\x02\x02\x01\x05\x00')],
    ['a run of none', btoa('\x02\x02\x01\x00\x00')],
    ['a run without its value', btoa('\x02\x02\x01\x04\x01')],
    ['a mark that is neither', btoa('\x02\x02\x01\x04\x07\x01')],
  ])('that is %s is none', (_, text) => {
    expect(decodeWish(text, 1)).toBeUndefined()
  })
})

describe('a stroke', () => {
  test('paints a disc and leaves what was before', () => {
    const before = emptyWish([5, 5, 1])
    const after = painted(before, 'bright', { x: 2, y: 2, radius: 1 })
    expect([...after.mask]).toEqual([
      0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    ])
    expect(after.target[12]).toBe(255)
    expect(before.mask.includes(1)).toBe(false)
  })

  test('may hold on to a picture, or take paint away', () => {
    const picture = Uint8Array.from({ length: 12 }, (_, i) => i)
    const kept = painted(emptyWish([2, 2, 3]), { keep: picture }, { x: 0, y: 0, radius: 0.5 })
    expect([...kept.target]).toEqual([0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect([...painted(kept, 'erase', { x: 0, y: 0, radius: 0.5 }).mask]).toEqual([0, 0, 0, 0])
  })
})
