import { TensorNotFoundError } from './errors.ts'
import type { PlainRecord, PlainValue, TensorInfo, WeightsReader } from './weights.ts'

/** The part of a file that lies under a path such as `ema` or `state.model`, its names without the path. */
export function weightsUnder(reader: WeightsReader, path: string): WeightsReader {
  const prefix = `${path}.`
  const tensors = new Map<string, TensorInfo>()
  for (const [name, info] of reader.tensors) {
    if (!name.startsWith(prefix)) continue
    const { sameAs, ...own } = info
    tensors.set(
      name.slice(prefix.length),
      sameAs?.startsWith(prefix) ? { ...own, sameAs: sameAs.slice(prefix.length) } : own,
    )
  }
  if (tensors.size === 0) {
    const groups = new Set([...reader.tensors.keys()].map((name) => name.split('.', 1)[0] as string))
    throw new TensorNotFoundError({
      source: reader.name,
      wanted: `tensors under ${JSON.stringify(path)}`,
      available: [...groups],
    })
  }
  return {
    ...reader,
    tensors,
    values: recordAt(reader.values, path),
    read: (name, options) => reader.read(prefix + name, options),
    place: (name, options) => reader.place(prefix + name, options),
  }
}

function recordAt(values: PlainRecord, path: string): PlainRecord {
  let at: PlainValue | undefined = values
  for (const key of path.split('.')) at = isRecord(at) ? at[key] : undefined
  return isRecord(at) ? at : Object.create(null)
}

function isRecord(value: PlainValue | undefined): value is PlainRecord {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}
