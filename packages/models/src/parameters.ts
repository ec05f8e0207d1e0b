import * as tf from '@tensorflow/tfjs-core'

/** State-dict name → tensor, in tfjs layout (see `layout.ts`). */
export type Parameters = Readonly<Record<string, tf.Tensor>>

/** How a tensor is used; decides its layout in memory. */
export type ParameterKind = 'conv2d' | 'conv1d' | 'linear' | 'embedding' | 'positional' | 'vector'

/** How a tensor starts: the reference's distributions. */
export type ParameterInitial = 'uniform' | 'normal' | 'positional' | 'zeros' | 'ones'

/** One tensor of a network: name and shape as in the published state dicts. */
export interface ParameterSpec {
  readonly name: string
  /** PyTorch's order: `[out, in, h, w]`, `[out, in, 1]`, `[out, in]`, `[n]`. */
  readonly shape: readonly number[]
  readonly kind: ParameterKind
  readonly initial: ParameterInitial
  /** Inputs that one output sums over; the bound of `uniform` is 1/√fanIn. */
  readonly fanIn: number
}

/** The tensor called `name`. A missing name is a mistake in the plan, not in user input. */
export function parameter<T extends tf.Tensor>(parameters: Parameters, name: string): T {
  const found = parameters[name]
  if (!found) throw new Error(`The network has no parameter ${name}.`)
  return found as T
}

/** Number of scalars. */
export function countParameters(parameters: Parameters): number {
  return Object.values(parameters).reduce((sum, tensor) => sum + tensor.size, 0)
}

/** Frees every tensor; harmless when repeated. */
export function disposeParameters(parameters: Parameters): void {
  for (const tensor of Object.values(parameters)) if (!tensor.isDisposed) tf.dispose(tensor)
}
