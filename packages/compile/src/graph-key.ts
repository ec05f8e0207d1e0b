import type { ElementArray, Graph } from './graph.ts'
import { bytesOf } from './onnx-file.ts'

/**
 * A text that two graphs share only if they compute the same with the same weights: nodes, shapes, and numbers other than
 * weights, which are known by name.
 */
export function graphKey({ inputs, outputs, outputNames, nodes, initializers }: Graph): string {
  const constants = initializers.map(({ value, label, read }) => [value, label ?? digest(read())])
  return JSON.stringify([inputs, outputs, outputNames, nodes, constants])
}

/** 64 bits of FNV-1a over an array's bytes, as two runs of 32. */
function digest(array: ElementArray): string {
  let [low, high] = [0x811c9dc5, 0x01000193]
  for (const byte of bytesOf(array)) {
    low = Math.imul(low ^ byte, 0x01000193)
    high = Math.imul(high ^ byte ^ (low >>> 24), 0x01000193)
  }
  return `${(high >>> 0).toString(16)}-${(low >>> 0).toString(16)}`
}
