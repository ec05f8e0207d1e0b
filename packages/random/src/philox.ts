/**
 * Philox4x32-10: a bijection of 128-bit counters, chosen by a 64-bit key, whose outputs pass for random.
 *
 * One round maps (c₀, c₁, c₂, c₃) to (hi(M₁c₂) ⊕ c₁ ⊕ k₀, lo(M₁c₂), hi(M₀c₀) ⊕ c₃ ⊕ k₁, lo(M₀c₀));
 * between rounds the key moves on by two Weyl constants. Ten rounds.
 *
 * There is no state: the n-th block costs the same as the first.
 *
 * @see Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3
 */

const M0_HIGH = 0xd251
const M0_LOW = 0x1f53
const M0 = 0xd2511f53 | 0
const M1_HIGH = 0xcd9e
const M1_LOW = 0x8d57
const M1 = 0xcd9e8d57 | 0
const WEYL_0 = 0x9e3779b9 | 0
const WEYL_1 = 0xbb67ae85 | 0

/**
 * Writes the blocks of counters (first, c₁, c₂, c₃), (first + 1, c₁, c₂, c₃), … into `out`, four words each;
 * a last block that does not fit is cut.
 */
export function philox(
  out: Uint32Array,
  first: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  const length = out.length
  for (let i = 0, block = first | 0; i < length; i += 4, block = (block + 1) | 0) {
    let x0 = block
    let x1 = c1 | 0
    let x2 = c2 | 0
    let x3 = c3 | 0
    let key0 = k0 | 0
    let key1 = k1 | 0
    for (let round = 0; round < 10; round++) {
      // The high halves of two 32 × 32-bit products, by 16-bit digits: `Math.imul` gives only the low halves.
      const a = x0 & 0xffff
      const b = x0 >>> 16
      const ab = (Math.imul(b, M0_LOW) + (Math.imul(a, M0_LOW) >>> 16)) | 0
      const ba = (Math.imul(a, M0_HIGH) + (ab & 0xffff)) | 0
      const high0 = (Math.imul(b, M0_HIGH) + (ab >>> 16) + (ba >>> 16)) | 0
      const c = x2 & 0xffff
      const d = x2 >>> 16
      const cd = (Math.imul(d, M1_LOW) + (Math.imul(c, M1_LOW) >>> 16)) | 0
      const dc = (Math.imul(c, M1_HIGH) + (cd & 0xffff)) | 0
      const high1 = (Math.imul(d, M1_HIGH) + (cd >>> 16) + (dc >>> 16)) | 0
      const low0 = Math.imul(x0, M0)
      const low1 = Math.imul(x2, M1)
      x0 = high1 ^ x1 ^ key0
      x1 = low1
      x2 = high0 ^ x3 ^ key1
      x3 = low0
      key0 = (key0 + WEYL_0) | 0
      key1 = (key1 + WEYL_1) | 0
    }
    // Writes beyond the end of a typed array are dropped, which cuts the last block.
    out[i] = x0
    out[i + 1] = x1
    out[i + 2] = x2
    out[i + 3] = x3
  }
}
