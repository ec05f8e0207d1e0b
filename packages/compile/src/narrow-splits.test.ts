import { describe, expect, test } from 'vitest'
import type { Graph, Value } from './graph.ts'
import { narrowSplits } from './narrow-splits.ts'

/** Rows of [total, 2] as outputs of these lengths. */
function splitGraph(lengths: readonly number[]): Graph {
  const value = (name: string, rows: number): Value => ({ name, type: 'float32', shape: [rows, 2] })
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const outputs = lengths.map((length, i) => value(`row${i}`, length))
  const x = value('x', total)
  const sizes: Value = { name: 'sizes', type: 'int64', shape: [lengths.length] }
  return {
    inputs: [x],
    outputs,
    outputNames: outputs.map(({ name }) => name),
    nodes: [{ operator: 'Split', domain: '', inputs: [x, sizes], outputs, attributes: { axis: 0 } }],
    initializers: [{ value: sizes, read: () => BigInt64Array.from(lengths, BigInt) }],
  }
}

/** What comes out when [0, 1, 2 …] goes in, row by row. */
function run(graph: Graph): Record<string, number[]> {
  const rows: Record<string, number[]> = {
    x: Array.from({ length: graph.inputs[0]?.shape[0] ?? 0 }, (_, i) => i),
  }
  const constants = new Map(graph.initializers.map(({ value, read }) => [value.name, read()]))
  for (const { inputs, outputs } of graph.nodes) {
    const [from, sizes] = inputs as [Value, Value]
    let at = 0
    for (const [i, { name, shape }] of outputs.entries()) {
      const length = Number(constants.get(sizes.name)?.[i])
      expect(shape[0]).toBe(length)
      rows[name] = (rows[from.name] as number[]).slice(at, at + length)
      at += length
    }
    expect(at).toBe(rows[from.name]?.length)
  }
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, rows[name] as number[]]))
}

describe('narrowSplits', () => {
  test.each([
    [[1, 2, 1], 2],
    [Array.from({ length: 14 }, () => 1), 8],
    [Array.from({ length: 29 }, (_, i) => (i % 3) + 1), 3],
  ])('of %j by at most %i gives the same parts', (lengths, most) => {
    const graph = splitGraph(lengths)
    const narrow = narrowSplits(graph, most)
    expect(Math.max(...narrow.nodes.map(({ outputs }) => outputs.length))).toBeLessThanOrEqual(most)
    expect(run(narrow)).toEqual(run(graph))
    expect(new Set(narrow.initializers.map(({ value }) => value.name)).size).toBe(narrow.initializers.length)
  })

  test('leaves narrow ones as they are', () => {
    const graph = splitGraph([1, 2, 3])
    expect(narrowSplits(graph, 3).nodes).toEqual(graph.nodes)
  })
})
