import { bench, describe } from 'vitest'
import { randomBits } from './bits.ts'
import { normal } from './normal.ts'

describe('the noise of 16 images of 64 × 64 × 3', () => {
  const size = 64 * 64 * 3

  bench('normal', () => {
    for (let index = 0; index < 16; index++) normal({ seed: 1, index }, size)
  })

  bench('randomBits, for comparison', () => {
    for (let index = 0; index < 16; index++) randomBits({ seed: 1, index }, size)
  })

  bench('Math.random and the formula of Box and Muller, for comparison', () => {
    const out = new Float32Array(16 * size)
    for (let i = 0; i < out.length; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - Math.random()))
      const angle = 2 * Math.PI * Math.random()
      out[i] = radius * Math.cos(angle)
      out[i + 1] = radius * Math.sin(angle)
    }
  })
})
