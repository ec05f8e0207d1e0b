import { useSoftwareGpu } from '@guided-diffusion/tooling/software-gpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect } from 'vitest'
import { cpu } from './cpu.ts'
import { type AvailableBackend, diagnose } from './doctor.ts'
import type { BackendDriver } from './driver.ts'
import { registerGradients } from './gradients.ts'
import { tensorflow } from './tensorflow.ts'
import { wasm } from './wasm.ts'
import { webgpu } from './webgpu.ts'

/** Backends that differentiate every operation. */
const differentiating = [wasm(), tensorflow(), cpu()]

/** Backends that may have fused operations: WebGPU on the graphics card that is there, or in software. */
export const fusing = [...differentiating, webgpu()]

/** A suite for each backend. One that can't run here is reported as skipped, with the reason in its name. */
export async function onEachBackend(
  suite: (backend: AvailableBackend) => void,
  drivers: readonly BackendDriver[] = differentiating,
): Promise<void> {
  await registerGradients()
  useSoftwareGpu()
  for (const each of await diagnose(drivers)) {
    if (each.available) describe(each.name, () => suite(each))
    else describe.skip(`${each.name}: ${each.reason}`, () => suite(each as never))
  }
}

/** The numbers that a computation gives on a backend. Nothing may stay behind, nor in the backend's own memory. */
export async function numbersOn(
  backend: string,
  compute: () => tf.Tensor | tf.Tensor[],
): Promise<Float32Array[]> {
  await tf.setBackend(backend)
  const before = held()
  const results = [tf.tidy(compute)].flat()
  const numbers = await Promise.all(results.map((result) => result.data<'float32'>()))
  tf.dispose(results)
  expect(held()).toEqual(before)
  return numbers
}

/** What the engine holds, and what its current backend does: kernels may forget what they made on the way. */
export const held = () => ({ tensors: tf.memory().numTensors, data: tf.backend().numDataIds() })

/** Numbers in [−1, 1) without a pattern, the same in every run. */
export function scattered(shape: readonly number[], seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state / 2 ** 31
  })
}

/** The same as a tensor. */
export const scatteredTensor = <R extends tf.Rank>(shape: tf.ShapeMap[R], seed = 1) =>
  tf.tensor<R>(scattered(shape, seed), shape)

/** Largest difference between two lists of numbers, NaN where they differ in length. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN
  let largest = 0
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number))
    if (Number.isNaN(error)) return Number.NaN
    largest = Math.max(largest, error)
  }
  return largest
}
