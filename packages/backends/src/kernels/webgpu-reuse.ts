/**
 * What the stock WebGPU backend makes anew for each program it runs, and need not: a buffer of uniforms, a group of bindings,
 * and a buffer for each number that a program has as an operand. A step of a sampler is followed by another that runs the
 * same programs on tensors of the same shapes, in buffers that the backend takes from its store in the same order: so nearly
 * all of them are there already. Each saves calls into the browser or into Dawn, which take longer than small programs run.
 */
import type * as tf from '@tensorflow/tfjs-core'
import type { WebGpuBackend } from './webgpu-backend.ts'

/** What is used of the stock backend here. */
export interface StoringBackend {
  readonly tensorMap: { get(dataId: object): StoredTensor | undefined }
  readonly uniformPendingDisposal: GPUBuffer[]
  uploadToGPU(dataId: object): void
  runWebGPUProgram(...call: Parameters<WebGpuBackend['runWebGPUProgram']>): tf.TensorInfo
  makeUniforms(uniforms: readonly Uniform[]): GPUBufferBinding
}

interface StoredTensor {
  readonly dtype: tf.DataType
  values: ArrayLike<number> | null
  resource?: object | null
  /** Its buffer is not the backend's to give to another tensor. */
  external?: boolean
}

interface Uniform {
  readonly type: string
  readonly data: readonly number[]
}

/** Several steps of the largest networks in training: groups that are kept hold a kilobyte or so, and their buffers. */
const mostGroups = 8192
const mostUniforms = 8192
/** Numbers that change from step to step, such as noise levels, push one another out. */
const mostConstants = 1024

/** Layouts and groups of bindings are made once. To be called before programs are compiled. */
export function reuseBindGroups(device: GPUDevice): void {
  const [compile, later] = [
    device.createComputePipeline.bind(device),
    device.createComputePipelineAsync.bind(device),
  ]
  device.createComputePipeline = (descriptor) => withOneLayout(compile(descriptor))
  device.createComputePipelineAsync = async (descriptor) => withOneLayout(await later(descriptor))
  const create = device.createBindGroup.bind(device)
  const group = remembering(mostGroups, create)
  device.createBindGroup = (descriptor) => {
    const key = bindingsKey(descriptor)
    return key === undefined ? create(descriptor) : group(key, descriptor)
  }
}

/** A layout that is asked for again is another object, unless it is remembered. */
function withOneLayout(pipeline: GPUComputePipeline): GPUComputePipeline {
  const layouts = remembering(1, pipeline.getBindGroupLayout.bind(pipeline))
  pipeline.getBindGroupLayout = (index) => layouts(String(index), index)
  return pipeline
}

const numbers = new WeakMap<object, number>()
let objects = 0

/** Objects have numbers by which keys name them. */
function numberOf(object: object): number {
  const known = numbers.get(object)
  if (known !== undefined) return known
  numbers.set(object, ++objects)
  return objects
}

/** Equal for equal bindings of buffers, none for others. */
function bindingsKey({ layout, entries }: GPUBindGroupDescriptor): string | undefined {
  let key = `${numberOf(layout)}`
  for (const { binding, resource } of entries) {
    const { buffer, offset = 0, size = '' } = resource as Partial<GPUBufferBinding>
    if (!buffer) return undefined
    key += ` ${binding}:${numberOf(buffer)},${offset},${size}`
  }
  return key
}

/** Uniforms of equal numbers share a buffer, and so do tensors of one number. */
export function reuseBuffers(backend: StoringBackend, device: GPUDevice): void {
  const make = backend.makeUniforms.bind(backend)
  const uniforms = remembering(
    mostUniforms,
    (all: readonly Uniform[]) => {
      const made = make(all)
      // or another program would write to it after the next submission
      backend.uniformPendingDisposal.pop()
      return made
    },
    ({ buffer }) => backend.uniformPendingDisposal.push(buffer),
  )
  backend.makeUniforms = (all) => {
    let key = ''
    for (const { type, data } of all) {
      if (type === 'float32' && data.some((value) => Object.is(value, -0))) return make(all)
      key += `${type[0]}${data.length}:${data.join()} `
    }
    return uniforms(key, all)
  }

  const upload = backend.uploadToGPU.bind(backend)
  const constant = remembering(mostConstants, (whole: boolean, value: number) => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage
    const buffer = device.createBuffer({ size: 4, usage: STORAGE | COPY_SRC | COPY_DST })
    device.queue.writeBuffer(buffer, 0, whole ? Int32Array.of(value) : Float32Array.of(value))
    return buffer
  })
  const run = backend.runWebGPUProgram.bind(backend)
  backend.runWebGPUProgram = (program, inputs, dtype, uniforms, output) => {
    // what is written to has a buffer of its own
    if (output) upload(output.dataId)
    return run(program, inputs, dtype, uniforms, output)
  }
  backend.uploadToGPU = (dataId) => {
    const tensor = backend.tensorMap.get(dataId)
    const { dtype, values, resource } = tensor ?? {}
    const whole = dtype === 'int32' || dtype === 'bool'
    if (!tensor || resource || values?.length !== 1 || !(whole || dtype === 'float32')) return upload(dataId)
    const value = Number(values[0])
    tensor.resource = constant(`${whole} ${Object.is(value, -0) ? '-0' : value}`, whole, value)
    tensor.external = true
    tensor.values = null
  }
}

/** The same function, which makes things again only when `most` others have been made since. `drop` gets those given up. */
function remembering<A extends unknown[], R>(
  most: number,
  make: (...args: A) => R,
  drop?: (made: R) => void,
): (key: string, ...args: A) => R {
  const kept = new Map<string, R>()
  return (key, ...args) => {
    const found = kept.get(key)
    if (found !== undefined) return found
    const made = make(...args)
    if (kept.size === most) {
      const oldest = kept.keys().next().value as string
      drop?.(kept.get(oldest) as R)
      kept.delete(oldest)
    }
    kept.set(key, made)
    return made
  }
}
