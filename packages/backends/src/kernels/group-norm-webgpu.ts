/**
 * GroupNorm with SiLU for WebGPU, forward and gradient:
 *
 *   x̂ = (x − mean) · rstd,   rstd = 1/√(var + ε),   u = scale · x̂ + shift,   y = u or u · σ(u)
 *
 * Forward is two programs: mean and rstd of each group, then y. The gradient is four.
 */
import type * as tf from '@tensorflow/tfjs-core'
import {
  channelSumCode,
  gradientCode,
  lanes,
  meansCode,
  normalizeCode,
  statisticsCode,
  threads,
} from './group-norm.wgsl.ts'
import { addWebGpuKernel, runProgram, type WebGpuBackend } from './webgpu-backend.ts'

interface Attributes {
  readonly groups: number
  readonly epsilon: number
  readonly activation: 'silu' | 'linear'
}

/** Registers `GuidedGroupNorm` and `GuidedGroupNormGrad`. */
export function registerGroupNorm(): void {
  addWebGpuKernel('GuidedGroupNorm', ({ inputs, attrs, backend }) => {
    const { x, scale, shift } = inputs as Record<'x' | 'scale' | 'shift', tf.TensorInfo>
    const settings = attrs as unknown as Attributes
    const statistics = runStatistics(backend, x, settings)
    const y = runProgram(backend, {
      key: `group norm ${settings.activation}`,
      inputs: { x, statistics, scale, shift },
      ...eachNumber(x.shape),
      integers: { groups: settings.groups },
      code: () => normalizeCode(settings.activation),
    })
    backend.disposeData(statistics.dataId)
    return y
  })
  addWebGpuKernel('GuidedGroupNormGrad', ({ inputs, attrs, backend }) => {
    const { dy, x, scale, shift } = inputs as Record<'dy' | 'x' | 'scale' | 'shift', tf.TensorInfo>
    const settings = attrs as unknown as Attributes
    const { groups, activation } = settings
    const [batch, , , channels] = x.shape as [number, number, number, number]
    const statistics = runStatistics(backend, x, settings)
    const known = { dy, x, statistics, scale, shift }
    const [dshift, dscale] = (['shift', 'scale'] as const).map((of) =>
      runProgram(backend, {
        key: `group norm ${activation}, gradient of the ${of}`,
        inputs: known,
        shape: scale.shape,
        workgroups: batch * Math.ceil(channels / lanes),
        threads,
        integers: { groups },
        code: () => channelSumCode(activation, of),
      }),
    ) as [tf.TensorInfo, tf.TensorInfo]
    const means = runProgram(backend, {
      key: 'group norm, means of the gradient',
      inputs: { scale, dscale, dshift },
      ...eachNumber([batch, groups, 2]),
      integers: { pixels: (x.shape[1] as number) * (x.shape[2] as number) },
      code: () => meansCode,
    })
    const dx = runProgram(backend, {
      key: `group norm ${activation}, gradient`,
      inputs: { ...known, means },
      ...eachNumber(x.shape),
      integers: { groups },
      code: () => gradientCode(activation),
    })
    for (const { dataId } of [statistics, means]) backend.disposeData(dataId)
    return [dx, dscale, dshift]
  })
}

/** A thread for each number of the output. */
function eachNumber(shape: readonly number[]) {
  const size = shape.reduce((product, length) => product * length, 1)
  return { shape, threads, workgroups: Math.ceil(size / threads) }
}

/** `[B, G, 2]`: mean and rstd of each group. */
function runStatistics(
  backend: WebGpuBackend,
  x: tf.TensorInfo,
  { groups, epsilon }: Attributes,
): tf.TensorInfo {
  const [batch, height, width, channels] = x.shape as [number, number, number, number]
  return runProgram(backend, {
    key: `group norm, statistics with ${epsilon}`,
    inputs: { x },
    shape: [batch, groups, 2],
    workgroups: batch * groups,
    threads,
    integers: { groups, sharing: sharingOf(channels / groups, height * width) },
    code: () => statisticsCode(epsilon),
  })
}

/**
 * Threads that share a pixel: 2^⌊log₂ min(width, threads, max(lanes, threads / pixels))⌋, so that they read 32 bytes side by
 * side, and more of them where there are fewer pixels than threads.
 */
const sharingOf = (width: number, pixels: number) =>
  2 ** Math.floor(Math.log2(Math.min(width, threads, Math.max(lanes, threads / pixels))))
