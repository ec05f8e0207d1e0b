import {
  float32Tensor,
  openWeights,
  saveSafetensors,
  toFloat32,
  type WeightTensor,
} from '@guided-diffusion/checkpoints'
import {
  compareShapes,
  createParameter,
  type FileTensor,
  type ParameterSpec,
  readParameters,
} from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import { TrainingStateError } from './errors.ts'
import { flatLayout, flatten, named, unflatten } from './flat.ts'
import type { TrainingState } from './state.ts'

/** Version of the arrangement below; a file of another one is refused. */
const format = 'guided-diffusion training state 1'

interface Header {
  readonly format: string
  readonly step: number
  readonly samples: number
  readonly moments: number
  readonly decays: readonly number[]
}

/**
 * The weights of a state as files hold them: the trained ones, or the average with the given decay.
 *
 * @throws TrainingStateError when no average has that decay.
 */
export async function stateWeights(state: TrainingState, decay?: number): Promise<Map<string, FileTensor>> {
  if (decay === undefined) return vectorTensors(state, state.parameters)
  const average = state.averages.find((candidate) => candidate.decay === decay)
  if (!average) {
    throw new TrainingStateError({
      path: 'The state',
      reason: `it has no average with decay ${decay}`,
      advice: `Its averages have decays ${state.averages.map((each) => each.decay).join(', ') || '(none)'}.`,
    })
  }
  return vectorTensors(state, average.vector)
}

async function vectorTensors(state: TrainingState, vector: tf.Tensor1D): Promise<Map<string, FileTensor>> {
  const tensors = unflatten(state.layout, vector)
  try {
    return await readParameters(state.specs, named(state.layout, tensors))
  } finally {
    tf.dispose(tensors)
  }
}

/**
 * Writes a state as one safetensors file, beside and renamed: `parameters/NAME`, `moments.K/NAME` and
 * `averages.K/NAME` in file layout, `timesteps`, and the counters in the metadata.
 *
 * @param metadata further text to keep with it.
 */
export async function saveState(
  path: string,
  state: TrainingState,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const groups: [string, tf.Tensor1D][] = [
    ['parameters', state.parameters],
    ...state.moments.map((vector, i): [string, tf.Tensor1D] => [`moments.${i}`, vector]),
    ...state.averages.map(({ vector }, i): [string, tf.Tensor1D] => [`averages.${i}`, vector]),
  ]
  const tensors = new Map<string, WeightTensor>()
  for (const [group, vector] of groups) {
    for (const [name, { shape, data }] of await vectorTensors(state, vector)) {
      tensors.set(`${group}/${name}`, float32Tensor(shape, data))
    }
  }
  tensors.set('timesteps', { dtype: 'float64', shape: [state.timesteps.length], data: state.timesteps })
  const header: Header = {
    format,
    step: state.step,
    samples: state.samples,
    moments: state.moments.length,
    decays: state.averages.map(({ decay }) => decay),
  }
  await saveSafetensors(path, { tensors }, { metadata: { ...metadata, state: JSON.stringify(header) } })
}

/**
 * Reads what `saveState` wrote, for the network it was written for. Yours: `disposeState` frees it.
 *
 * @throws TrainingStateError when the file is no state, or one of another network.
 */
export async function loadState(
  path: string,
  network: { readonly specs: readonly ParameterSpec[] },
): Promise<{ state: TrainingState; metadata: Readonly<Record<string, string>> }> {
  const file = await openWeights(path)
  const vectors: tf.Tensor1D[] = []
  try {
    const header = readHeader(path, file.metadata.state)
    const layout = flatLayout(network.specs)
    const read = async (group: string) => {
      const shapes = new Map<string, readonly number[]>()
      for (const [name, { shape }] of file.tensors) {
        if (name.startsWith(`${group}/`)) shapes.set(name.slice(group.length + 1), shape)
      }
      if (compareShapes(network.specs, shapes).length > 0) {
        throw new TrainingStateError({
          path,
          reason: `its ${group} are those of another network`,
          advice: 'Resume with the configuration that the run began with.',
        })
      }
      const values: Float32Array[] = []
      for (const { name } of network.specs) values.push(toFloat32(await file.read(`${group}/${name}`)))
      const vector = tf.tidy(() =>
        flatten(network.specs.map((spec, i) => createParameter(spec, values[i] as Float32Array))),
      )
      vectors.push(vector)
      return vector
    }
    const parameters = await read('parameters')
    const moments: tf.Tensor1D[] = []
    for (let i = 0; i < header.moments; i++) moments.push(await read(`moments.${i}`))
    const averages: { decay: number; vector: tf.Tensor1D }[] = []
    for (const [i, decay] of header.decays.entries()) {
      averages.push({ decay, vector: await read(`averages.${i}`) })
    }
    if (!file.tensors.has('timesteps')) {
      throw new TrainingStateError({
        path,
        reason: 'it lacks what the timestep sampler has learned',
        advice: 'Give a file that saveState wrote.',
      })
    }
    const timesteps = await file.read('timesteps')
    return {
      state: {
        step: header.step,
        samples: header.samples,
        specs: network.specs,
        layout,
        parameters,
        moments,
        averages,
        timesteps: Float64Array.from(timesteps.data as Float64Array),
      },
      metadata: file.metadata,
    }
  } catch (error) {
    tf.dispose(vectors)
    throw error
  } finally {
    await file.close()
  }
}

function readHeader(path: string, text: string | undefined): Header {
  try {
    const header = JSON.parse(text ?? '') as Header
    const counts = [header.step, header.samples, header.moments]
    if (header.format !== format || !counts.every((count) => Number.isSafeInteger(count) && count >= 0))
      throw new Error(header.format)
    if (!Array.isArray(header.decays) || !header.decays.every((decay) => decay > 0 && decay < 1))
      throw new Error('decays')
    return header
  } catch {
    throw new TrainingStateError({
      path,
      reason: 'it is not a training state',
      advice: 'Give the state.safetensors of a run folder; weights alone cannot be resumed from.',
    })
  }
}
