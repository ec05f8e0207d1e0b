import { readWeights, type WeightTensor } from '@guided-diffusion/checkpoints'

/** Every array of an npz by its name. */
export async function npzArrays(path: string): Promise<Record<string, WeightTensor | undefined>> {
  return Object.fromEntries((await readWeights(path)).tensors)
}
