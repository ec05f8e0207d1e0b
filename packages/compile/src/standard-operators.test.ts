import { expect, test } from 'vitest'
import { type Graph, GraphBuilder } from './graph.ts'
import { onnxRuntimeNode } from './node.ts'
import { standardOperators } from './standard-operators.ts'

/** Products in every orientation, scaled, of one matrix; then x σ(αx). */
function example(): Graph {
  const graph = new GraphBuilder()
  const a = graph.input('a', 'float32', [2, 3, 3])
  const b = graph.input('b', 'float32', [2, 3, 3])
  const shape = [2, 3, 3]
  const results = [0, 1].flatMap((transA) =>
    [0, 1].map((transB) =>
      graph.node(
        'FusedMatMul',
        [a, b],
        { shape },
        { transA, transB, alpha: { float: 1 + transA } },
        'com.microsoft',
      ),
    ),
  )
  const gelu = [1, 1.5].map((alpha) =>
    graph.node('QuickGelu', [a], { shape }, { alpha: { float: alpha } }, 'com.microsoft'),
  )
  return graph.finish(new Map([...results, ...gelu].map((value, i) => [`y${i}`, value])))
}

async function run(graph: Graph): Promise<number[]> {
  const session = await (await onnxRuntimeNode({ threads: 1 })).open(graph)
  const numbers = (phase: number) => Float32Array.from({ length: 18 }, (_, i) => Math.sin(i + phase))
  const results = await session.run(new Map(['a', 'b'].map((name, i) => [name, numbers(i)])))
  await session.dispose()
  return [...results.values()].flatMap((values) => [...(values as Float32Array)])
}

test('the same numbers without extensions, and each matrix is turned once', async () => {
  const graph = example()
  const standard = standardOperators(graph)
  expect(standard.nodes.filter(({ domain }) => domain !== '')).toEqual([])
  expect(standard.nodes.filter(({ operator }) => operator === 'Transpose')).toHaveLength(2)
  const [expected, actual] = [await run(graph), await run(standard)]
  expect(actual).toHaveLength(expected.length)
  expect(Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(1e-5)
})

test('an extension that has no other form is named', () => {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', [2])
  const y = graph.node('FancyNorm', [x], { shape: [2] }, {}, 'com.microsoft')
  const finished = graph.finish(new Map([['y', y]]))
  expect(() => standardOperators(finished)).toThrowErrorMatchingInlineSnapshot(
    `[NonstandardOperatorError: com.microsoft.FancyNorm is an extension of ONNX Runtime that has no form in the operators of ONNX.]`,
  )
})
