import { networkSpecs } from '@guided-diffusion/models'

/**
 * Weights for a network whose values do not matter, made fast: one block of noise, scaled to keep variances, read from
 * another place for each tensor.
 *
 * @param {import('@guided-diffusion/models').NetworkDescription} network
 */
export function quickWeights(network) {
  const noise = new Float32Array(1 << 20)
  for (let i = 0, state = 1; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    noise[i] = (state / 2 ** 31 - 1) * Math.sqrt(3)
  }
  return new Map(
    networkSpecs(network).map(({ name, shape }, i) => [name, quickTensor(noise, shape, 7919 * i)]),
  )
}

function quickTensor(noise, shape, from) {
  const fan = shape.slice(1).reduce((product, length) => product * length, 1)
  return {
    shape,
    get data() {
      const data = new Float32Array(shape[0] * fan)
      for (let at = 0, place = from % noise.length; at < data.length; place = 0) {
        const part = noise.subarray(place, place + data.length - at)
        data.set(part, at)
        at += part.length
      }
      const scale = 1 / Math.sqrt(fan)
      return shape.length === 1 ? data : data.map((value) => value * scale)
    },
  }
}
