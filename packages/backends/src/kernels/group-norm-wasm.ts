/**
 * GroupNorm with SiLU for WebAssembly, forward and gradient:
 *
 *   u = (x − mean) · factor + shift,   factor = scale / √(var + ε),   y = u or u · σ(u)
 *
 * with the mean and variance of each group of channels. Whatever has a number a pixel is done by operations of the
 * library, which have SIMD; the few numbers a sample and channel are done here.
 */
import type * as tf from '@tensorflow/tfjs-core'
import { sumMiddle } from './reduction-wasm.ts'
import { addWasmKernel, values } from './wasm-backend.ts'
import { inScope, type WasmScope } from './wasm-scope.ts'

interface Attributes {
  readonly groups: number
  readonly epsilon: number
  readonly activation: 'silu' | 'linear'
}

/** Registers `GuidedGroupNorm` and `GuidedGroupNormGrad`. */
export function registerGroupNorm(): void {
  addWasmKernel('GuidedGroupNorm', ({ inputs, attrs, backend }) => {
    const { x, scale, shift } = inputs as Record<'x' | 'scale' | 'shift', tf.TensorInfo>
    const settings = attrs as unknown as Attributes
    return inScope(backend, (scope) => {
      const run = new Workspace(scope, x, settings.groups)
      const { u } = normalize(run, scale, shift, settings)
      const y = settings.activation === 'silu' ? run.multiply(u, run.sigmoid(u)) : u
      return { ...y, shape: x.shape }
    })
  })
  addWasmKernel('GuidedGroupNormGrad', ({ inputs, attrs, backend }) => {
    const { dy, x, scale, shift } = inputs as Record<'dy' | 'x' | 'scale' | 'shift', tf.TensorInfo>
    const settings = attrs as unknown as Attributes
    return inScope(backend, (scope) => {
      const run = new Workspace(scope, x, settings.groups)
      const normalized = normalize(run, scale, shift, settings)
      const incoming = { ...dy, shape: run.shape }
      const du = settings.activation === 'silu' ? siluGradient(run, normalized.u, incoming) : incoming
      const results = normGradient(run, du, scale, normalized)
      return results.map((each, i) => ({ ...each, shape: [x, scale, shift][i]?.shape as number[] }))
    })
  })
}

/** The tensors of one call, in `[B, P, C]`, and what is computed on the way. */
class Workspace {
  readonly x: tf.TensorInfo
  readonly shape: [number, number, number]
  readonly #scope: WasmScope
  readonly #groups: number

  constructor(scope: WasmScope, x: tf.TensorInfo, groups: number) {
    const [batch, height, width, channels] = x.shape as [number, number, number, number]
    this.shape = [batch, height * width, channels]
    this.x = { ...x, shape: this.shape }
    this.#scope = scope
    this.#groups = groups
  }

  add = (a: tf.TensorInfo, b: tf.TensorInfo) => this.#scope.run('Add', { a, b })
  subtract = (a: tf.TensorInfo, b: tf.TensorInfo) => this.#scope.run('Sub', { a, b })
  multiply = (a: tf.TensorInfo, b: tf.TensorInfo) => this.#scope.run('Multiply', { a, b })
  square = (x: tf.TensorInfo) => this.#scope.run('Square', { x })
  sigmoid = (x: tf.TensorInfo) => this.#scope.run('Sigmoid', { x })

  /** A number a sample and channel as a tensor `[B, 1, C]`. */
  perChannel(numbers: Float64Array): tf.TensorInfo {
    const [batch, , channels] = this.shape
    const out = this.#scope.make([batch, 1, channels])
    values(this.#scope.backend, out).set(numbers)
    return out
  }

  read = (tensor: tf.TensorInfo) => Float64Array.from(values(this.#scope.backend, tensor))

  /** Sums over the pixels: `[B, P, C]` → `[B · C]`. */
  sum(tensor: tf.TensorInfo): Float64Array {
    const [before, summed, behind] = this.shape
    return sumMiddle(this.#scope.backend, tensor, { before, summed, behind })
  }

  /** From sums over pixels, the mean over each group's pixels and channels, repeated for each channel: `[B · C]`. */
  groupMean(sums: Float64Array): Float64Array {
    const [, pixels, channels] = this.shape
    const width = channels / this.#groups
    const means = new Float64Array(sums.length)
    for (let start = 0; start < sums.length; start += width) {
      let sum = 0
      for (let i = start; i < start + width; i++) sum += sums[i] as number
      means.fill(sum / (width * pixels), start, start + width)
    }
    return means
  }
}

interface Normalized {
  /** x − mean, `[B, P, C]`. */
  readonly centred: tf.TensorInfo
  readonly u: tf.TensorInfo
  /** 1 / √(var + ε), `[B · C]`. */
  readonly rstd: Float64Array
  readonly factor: tf.TensorInfo
}

function normalize(
  run: Workspace,
  scale: tf.TensorInfo,
  shift: tf.TensorInfo,
  { epsilon }: { epsilon: number },
): Normalized {
  const centred = run.subtract(run.x, run.perChannel(run.groupMean(run.sum(run.x))))
  const variance = run.groupMean(run.sum(run.square(centred)))
  const rstd = variance.map((value) => 1 / Math.sqrt(value + epsilon))
  const factor = run.perChannel(product(run.read(scale), rstd))
  const u = run.add(run.multiply(centred, factor), run.perChannel(run.read(shift)))
  return { centred, u, rstd, factor }
}

/** dy · d(u σ(u))/du = dy · (σ + u σ (1 − σ)). */
function siluGradient(run: Workspace, u: tf.TensorInfo, dy: tf.TensorInfo): tf.TensorInfo {
  const s = run.sigmoid(u)
  const y = run.multiply(u, s)
  return run.multiply(dy, run.add(s, run.subtract(y, run.multiply(y, s))))
}

/**
 * dshift = Σ du,   dscale = Σ du x̂,   x̂ = (x − mean) · rstd,
 * dx = factor · du − rstd · (mean_g(scale · du) + x̂ · mean_g(scale · du · x̂)).
 */
function normGradient(
  run: Workspace,
  du: tf.TensorInfo,
  scale: tf.TensorInfo,
  { centred, rstd, factor }: Normalized,
): [dx: tf.TensorInfo, dscale: tf.TensorInfo, dshift: tf.TensorInfo] {
  const scales = run.read(scale)
  const dshift = run.sum(du)
  const dscale = product(run.sum(run.multiply(du, centred)), rstd)
  const constant = product(rstd, run.groupMean(product(scales, dshift)))
  const slope = product(product(rstd, rstd), run.groupMean(product(scales, dscale)))
  const pull = run.add(run.multiply(centred, run.perChannel(slope)), run.perChannel(constant))
  const dx = run.subtract(run.multiply(du, factor), pull)
  return [dx, run.perChannel(dscale), run.perChannel(dshift)]
}

const product = (a: Float64Array, b: Float64Array) => a.map((value, i) => value * (b[i] as number))
