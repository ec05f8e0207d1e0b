import * as tf from '@tensorflow/tfjs-core'
import { type WeightMismatch, WeightsMismatchError } from './errors.ts'
import { initialValues } from './initial-weights.ts'
import { memoryShape, toFile, toMemory } from './layout.ts'
import { disposeParameters, type ParameterSpec, type Parameters, parameter } from './parameters.ts'

/** A tensor as files hold it: PyTorch's layout, row-major. */
export interface FileTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** State-dict name → tensor in file layout. */
export type FileTensors = ReadonlyMap<string, FileTensor>

/**
 * Where a network's weights come from: given tensors, fresh ones from a seed, or parameters that are on the backend
 * already, which the network then owns.
 */
export type WeightSource = FileTensors | { readonly seed: number } | { readonly parameters: Parameters }

/** Every missing, unexpected and mis-shaped tensor. */
export function compareShapes(
  specs: readonly ParameterSpec[],
  shapes: ReadonlyMap<string, readonly number[]>,
): WeightMismatch[] {
  const mismatches: WeightMismatch[] = []
  const expected = new Set<string>()
  for (const { name, shape } of specs) {
    expected.add(name)
    const actual = shapes.get(name)
    if (!actual) mismatches.push({ name, expected: shape })
    else if (actual.length !== shape.length || actual.some((length, i) => length !== shape[i]))
      mismatches.push({ name, actual, expected: shape })
  }
  for (const [name, actual] of shapes) if (!expected.has(name)) mismatches.push({ name, actual })
  return mismatches
}

/**
 * The tensors of a plan on the running backend. Yours to dispose.
 *
 * @throws WeightsMismatchError listing all tensors that do not fit.
 */
export function createParameters(specs: readonly ParameterSpec[], source: WeightSource): Parameters {
  if ('seed' in source) {
    return buildParameters(specs, (spec) => initialValues(spec, source.seed))
  }
  if ('parameters' in source) return checkedParameters(specs, source.parameters)
  const shapes = new Map([...source].map(([name, { shape }]) => [name, shape]))
  const mismatches = compareShapes(specs, shapes)
  if (mismatches.length > 0) throw new WeightsMismatchError({ mismatches })
  return buildParameters(specs, (spec) => (source.get(spec.name) as FileTensor).data)
}

/** Parameters in memory layout that are exactly those of the plan. */
function checkedParameters(specs: readonly ParameterSpec[], parameters: Parameters): Parameters {
  const inMemory = specs.map((spec) => ({ ...spec, shape: memoryShape(spec.kind, spec.shape) }))
  const shapes = new Map(Object.entries(parameters).map(([name, { shape }]) => [name, shape]))
  const mismatches = compareShapes(inMemory, shapes)
  if (mismatches.length > 0) throw new WeightsMismatchError({ mismatches })
  return parameters
}

function buildParameters(
  specs: readonly ParameterSpec[],
  values: (spec: ParameterSpec) => Float32Array,
): Parameters {
  const parameters: Record<string, tf.Tensor> = {}
  try {
    for (const spec of specs) {
      parameters[spec.name] = createParameter(spec, values(spec))
    }
  } catch (error) {
    disposeParameters(parameters)
    throw error
  }
  return parameters
}

/** One tensor from values in file layout. */
export function createParameter(spec: ParameterSpec, values: Float32Array): tf.Tensor {
  return tf.tensor(toMemory(spec.kind, spec.shape, values), memoryShape(spec.kind, spec.shape), 'float32')
}

/** The parameters as files hold them, read back from the backend. */
export async function readParameters(
  specs: readonly ParameterSpec[],
  parameters: Parameters,
): Promise<Map<string, FileTensor>> {
  const tensors = new Map<string, FileTensor>()
  for (const spec of specs) {
    const values = await parameter(parameters, spec.name).data<'float32'>()
    tensors.set(spec.name, { shape: spec.shape, data: toFile(spec.kind, spec.shape, values) })
  }
  return tensors
}
