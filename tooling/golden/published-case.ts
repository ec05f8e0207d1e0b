import { networkSpecs, type PublishedName, publishedModels } from '@guided-diffusion/models'
import { notCompared, type Result } from './result.ts'

interface Listed {
  readonly parameters: number
  readonly tensors: Readonly<Record<string, readonly number[]>>
}

/** The list of released checkpoints: name → what it should be. */
export async function readPublished(bytes: Uint8Array): Promise<ReadonlyMap<string, Listed>> {
  const unpacked = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Map(Object.entries(await new Response(unpacked).json()))
}

/** Tensor names and shapes in order, and the number of parameters, of the plans of every network under a name. */
export function runPublished(name: string, { parameters, tensors }: Listed): Result {
  const ours = (Object.keys(publishedModels) as PublishedName[]).filter(
    (own) => own === name || (name === 'lsun' && own.startsWith('lsun_')),
  )
  if (ours.length === 0) return notCompared('failed', 'not in the table of published models')
  const faults = ours.flatMap((own) => {
    const specs = networkSpecs(publishedModels[own])
    const wrong = Object.entries(tensors).filter(
      ([key, shape], i) => specs[i]?.name !== key || specs[i]?.shape.join() !== shape.join(),
    )
    const count = specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    return [
      ...(wrong.length > 0 ? [`${own}: ${wrong.length} tensors differ, first ${wrong[0]?.[0]}`] : []),
      ...(specs.length === Object.keys(tensors).length ? [] : [`${own}: ${specs.length} tensors`]),
      ...(count === parameters ? [] : [`${own}: ${count} parameters, expected ${parameters}`]),
    ]
  })
  return faults.length > 0
    ? notCompared('failed', faults.join('; '))
    : { status: 'passed', error: 0, tolerance: 0 }
}
