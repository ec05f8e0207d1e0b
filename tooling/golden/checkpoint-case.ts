import {
  openWeights,
  readSafetensors,
  readWeights,
  toFloat32,
  type Weights,
  type WeightTensor,
} from '@guided-diffusion/checkpoints'
import { baseName, type CaseFiles } from './files.ts'
import { notCompared, type Result } from './result.ts'

interface About {
  readonly original_dtypes?: Readonly<Record<string, string>>
  readonly plain_values?: Readonly<Record<string, unknown>>
  readonly param_groups?: unknown
  readonly info?: { readonly legacy?: boolean }
}

/** Reads a PyTorch file and compares names, dtypes, shapes, values and plain values, all exactly. */
export async function runCheckpoint(files: CaseFiles, name: string): Promise<Result> {
  const expectedName = expectedFile(files.names, name)
  if (!expectedName) return notCompared('failed', 'no file tells the expected tensors')
  const expected = readSafetensors(await files.read(expectedName))
  const aboutName = name.replace(/\.pt$/, '.json')
  const about: About = files.names.includes(aboutName)
    ? JSON.parse(new TextDecoder().decode(await files.read(aboutName)))
    : {}
  const path = files.place(name)
  const under = await commonPath(path, expected)
  const actual = await readWeights(path, under === undefined ? {} : { under })
  const faults = [...(await formatFaults(path, about)), ...(await valueFaults(path, about))]
  for (const key of actual.tensors.keys())
    if (!expected.tensors.has(key)) faults.push(`${key} is not expected`)
  let error = 0
  for (const [key, wanted] of expected.tensors) {
    const tensor = actual.tensors.get(key)
    const fault = tensor ? tensorFault(tensor, wanted, about.original_dtypes?.[key]) : 'is missing'
    if (fault) faults.push(`${key} ${fault}`)
    if (tensor) error = Math.max(error, largestDifference(tensor, wanted))
  }
  const verdict = { error, tolerance: 0 }
  return faults.length > 0 || error > 0
    ? { status: 'failed', ...verdict, note: faults.join('; ') || 'values differ' }
    : { status: 'passed', ...verdict }
}

/** `NAME.safetensors` beside it; for `checkpoint-X.pt`, `checkpoint-expected(-X).safetensors`. */
function expectedFile(names: readonly string[], name: string): string | undefined {
  const file = baseName(name)
  const folder = name.slice(0, -file.length)
  const form = /^checkpoint-(.+)\.pt$/.exec(file)?.[1]
  return [
    name.replace(/\.pt$/, '.safetensors'),
    ...(form ? [`checkpoint-expected-${form}`, 'checkpoint-expected'] : []).map(
      (stem) => `${folder}${stem}.safetensors`,
    ),
  ].find((candidate) => names.includes(candidate))
}

/** Where in the file the expected tensors lie: undefined at its top. */
async function commonPath(path: string | URL, expected: Weights): Promise<string | undefined> {
  const [first] = expected.tensors.keys()
  const reader = await openWeights(path)
  await reader.close()
  if (first === undefined || reader.tensors.has(first)) return undefined
  const found = [...reader.tensors.keys()].find((name) => name.endsWith(`.${first}`))
  return found?.slice(0, -first.length - 1)
}

function tensorFault(
  actual: WeightTensor,
  wanted: WeightTensor,
  dtype: string | undefined,
): string | undefined {
  if (actual.shape.join() !== wanted.shape.join())
    return `has the shape [${actual.shape}], expected [${wanted.shape}]`
  if (dtype !== undefined && actual.dtype !== dtype) return `is ${actual.dtype}, expected ${dtype}`
  return undefined
}

/** Infinite where lengths differ, or one value is a NaN and the other is not. */
function largestDifference(actual: WeightTensor, wanted: WeightTensor): number {
  const [a, b] = [numbers(actual), numbers(wanted)]
  if (a.length !== b.length) return Infinity
  let largest = 0
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) continue
    const difference = Math.abs(Number(a[i]) - Number(b[i]))
    // values that print alike but are not the same, as 0 and −0, are not equal to the last bit
    largest = Math.max(largest, Number.isNaN(difference) ? Infinity : difference || Number.MIN_VALUE)
  }
  return largest
}

function numbers(tensor: WeightTensor): ArrayLike<number | bigint> {
  const halves = tensor.dtype === 'float16' || tensor.dtype === 'bfloat16'
  return halves ? toFloat32(tensor) : (tensor.data as ArrayLike<number | bigint>)
}

async function formatFaults(path: string | URL, { info }: About): Promise<string[]> {
  if (info?.legacy === undefined) return []
  const reader = await openWeights(path)
  await reader.close()
  const wanted = info.legacy ? 'torch-legacy' : 'torch-zip'
  return reader.format === wanted ? [] : [`is read as ${reader.format}, expected ${wanted}`]
}

async function valueFaults(path: string | URL, { plain_values, param_groups }: About): Promise<string[]> {
  const wanted = { ...plain_values, ...(param_groups === undefined ? {} : { param_groups }) }
  if (Object.keys(wanted).length === 0) return []
  const { values } = await readWeights(path)
  const found = JSON.parse(JSON.stringify(values ?? {})) as Record<string, unknown>
  return Object.entries(wanted)
    .filter(([key, value]) => JSON.stringify(found[key]) !== JSON.stringify(value))
    .map(([key]) => `the value ${key} differs`)
}
