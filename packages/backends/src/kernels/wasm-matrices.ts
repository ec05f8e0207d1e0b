/** The library's native functions on matrices that lie in the heap, many of one size at a time. */
import { multiplication } from './matmul-wasm.ts'
import { nativeFunction, shapeBytes, values, type WasmBackend } from './wasm-backend.ts'
import type { Matrices, Stack, WasmScope } from './wasm-scope.ts'

/** The library's number for the type. */
const float32 = 0

/** out_i = left_i right_i. */
export function multiplyEach({ backend }: WasmScope, left: Matrices, right: Matrices, out: Matrices): void {
  const multiply = multiplication(backend, { rows: left.rows, k: left.columns, n: right.columns })
  for (const [i, id] of out.ids.entries()) multiply(left.ids[i] as number, right.ids[i] as number, id)
}

/** Each matrix turned. */
export function turnEach(scope: WasmScope, matrices: Matrices): Stack {
  const { ids, rows, columns } = matrices
  const out = scope.matricesOf(scope.make([ids.length, columns, rows]))
  turnInto(scope, matrices, out)
  return out
}

export function turnInto({ backend }: WasmScope, { ids, rows, columns }: Matrices, out: Matrices): void {
  const transpose = nativeFunction(backend, 'Transpose', transposition)
  const [shape, order] = [shapeBytes([rows, columns]), shapeBytes([1, 0])]
  for (const [i, id] of ids.entries()) transpose(id, shape, 2, float32, out.ids[i] as number, order, 2)
}

/** softmax of each row, in place. */
export function softmaxRows({ backend }: WasmScope, x: Stack): void {
  const softmax = nativeFunction(backend, 'Softmax', ['number', 'number', 'number', 'number'])
  softmax(idOf(backend, x), idOf(backend, x), x.columns, x.rows * x.ids.length)
}

/** a_i ← a_i + b_i. */
export function addTo({ backend }: WasmScope, a: Matrices, b: Matrices): void {
  const native = nativeFunction(backend, 'Add', binary)
  const shape = shapeBytes([a.rows, a.columns])
  for (const [i, id] of a.ids.entries()) native(id, shape, 2, b.ids[i] as number, shape, 2, float32, id)
}

/** a ← a b, number by number. */
export const multiplyBy = (scope: WasmScope, a: Stack, b: Stack) => elementwise(scope, 'Multiply', a, b)

/** a ← a − b with one number of b for each row. */
export const subtractRows = (scope: WasmScope, a: Stack, b: Stack) => elementwise(scope, 'Sub', a, b)

function elementwise({ backend }: WasmScope, name: 'Multiply' | 'Sub', a: Stack, b: Stack): void {
  const [shapeA, shapeB] = [a, b].map(({ ids, rows, columns }) => shapeBytes([ids.length * rows, columns]))
  const [idA, idB] = [idOf(backend, a), idOf(backend, b)]
  const native = nativeFunction(backend, name, binary)
  native(idA, shapeA as Uint8Array, 2, idB, shapeB as Uint8Array, 2, float32, idA)
}

const idOf = (backend: WasmBackend, { tensor }: Stack) => backend.dataIdMap.get(tensor.dataId).id

/** Σ a b over each row, added up in float64: `[rows, 1]` for each pair. */
export function dotRows(scope: WasmScope, a: Stack, b: Stack): Stack {
  const sums = scope.make([a.ids.length, a.rows, 1])
  const [left, right, out] = [a.tensor, b.tensor, sums].map((each) => values(scope.backend, each)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  for (let row = 0, at = 0; row < out.length; row++) {
    // four sums at a time: one alone would wait for each addition
    let [s, t, u, v] = [0, 0, 0, 0]
    const end = at + a.columns
    for (; at + 3 < end; at += 4) {
      s += (left[at] as number) * (right[at] as number)
      t += (left[at + 1] as number) * (right[at + 1] as number)
      u += (left[at + 2] as number) * (right[at + 2] as number)
      v += (left[at + 3] as number) * (right[at + 3] as number)
    }
    for (; at < end; at++) s += (left[at] as number) * (right[at] as number)
    out[row] = s + t + (u + v)
  }
  return scope.matricesOf(sums)
}

const binary = ['number', 'array', 'number', 'number', 'array', 'number', 'number', 'number'] as const
const transposition = ['number', 'array', 'number', 'number', 'number', 'array', 'number'] as const
