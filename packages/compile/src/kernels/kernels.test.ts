import { registerGradients, startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import fc from '@guided-diffusion/tooling/properties'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { compile } from '../compile.ts'
import { onnxRuntimeNode } from '../node.ts'
import type { GraphRuntime } from '../session.ts'
import { trace } from '../trace.ts'

let runtime: GraphRuntime

beforeAll(async () => {
  await startBackend([cpu()])
  await registerGradients()
  runtime = await onnxRuntimeNode({ threads: 1 })
})

const waves = (shape: readonly number[], phase = 0, scale = 1) =>
  tf.tensor(
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => scale * Math.sin(1 + phase + 1.7 * i),
    ),
    [...shape],
  )

type Fn = (...inputs: tf.Tensor[]) => tf.Tensor

/** Largest difference between the traced function and the eager one, over the largest value where that is above 1. */
async function difference(fn: Fn, inputs: readonly tf.Tensor[]): Promise<number> {
  const names = inputs.map((_, i) => `in${i}`)
  const named = Object.fromEntries(names.map((name, i) => [name, inputs[i] as tf.Tensor]))
  const expected = fn(...inputs)
  const compiled = await compile(
    (given) => ({ out: fn(...names.map((name) => given[name] as tf.Tensor)) }),
    named,
    { runtime },
  )
  try {
    const { out } = await compiled.run(named)
    const actual = out as tf.Tensor
    expect(actual.shape).toEqual(expected.shape)
    expect(actual.dtype).toBe(expected.dtype)
    const [a, e] = [await actual.data(), await expected.data()]
    let worst = 0
    let largest = 1
    for (let i = 0; i < e.length; i++) {
      largest = Math.max(largest, Math.abs(e[i] as number))
      worst = Math.max(worst, Math.abs((a[i] as number) - (e[i] as number)))
    }
    expect(Number.isFinite(worst)).toBe(true)
    return worst / largest
  } finally {
    await compiled.dispose()
  }
}

async function same(fn: Fn, ...inputs: tf.Tensor[]) {
  expect(await difference(fn, inputs)).toBeLessThan(3e-6)
}

describe('elementwise', () => {
  const unary: Record<string, (x: tf.Tensor) => tf.Tensor> = {
    abs: tf.abs,
    cos: tf.cos,
    exp: tf.exp,
    neg: tf.neg,
    relu: tf.relu,
    round: (x) => tf.round(tf.mul(x, 10)),
    sigmoid: tf.sigmoid,
    sin: tf.sin,
    square: tf.square,
    tanh: tf.tanh,
    sign: tf.sign,
    floor: tf.floor,
    ceil: tf.ceil,
    sqrt: (x) => tf.sqrt(tf.abs(x)),
    rsqrt: (x) => tf.rsqrt(tf.add(tf.abs(x), 0.1)),
    log: (x) => tf.log(tf.add(tf.abs(x), 0.1)),
    softplus: tf.softplus,
    reciprocal: (x) => tf.reciprocal(tf.add(tf.abs(x), 0.5)),
    erf: tf.erf,
    step: (x) => tf.step(x, 0.5),
    clip: (x) => tf.clipByValue(x, -0.5, 0.25),
    expm1: tf.expm1,
    log1p: (x) => tf.log1p(tf.abs(x)),
    zeros: (x) => tf.zerosLike(x),
    ones: (x) => tf.onesLike(x),
    cast: (x) => tf.cast(tf.mul(x, 3), 'int32'),
    not: (x) => tf.logicalNot(tf.greater(x, 0)),
    where: (x) => tf.where(tf.less(x, 0), tf.mul(x, 2), tf.add(x, 1)),
  }
  test.each(Object.keys(unary))('%s', async (name) => {
    await same(unary[name] as Fn, waves([2, 3, 4]))
  })

  const binary: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: (a, b) => tf.div(a, tf.add(tf.abs(b), 0.5)),
    maximum: tf.maximum,
    minimum: tf.minimum,
    squaredDifference: tf.squaredDifference,
    greater: tf.greater,
    lessEqual: tf.lessEqual,
    equal: tf.equal,
    pow: (a, b) => tf.pow(tf.abs(a), b),
  }
  test.each(Object.keys(binary))('%s broadcasts', async (name) => {
    const broadcasting = fc
      .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom('both', 'a', 'b')), {
        minLength: 1,
        maxLength: 4,
      })
      .chain((axes) => fc.tuple(fc.constant(axes), fc.integer({ min: 0, max: axes.length - 1 })))
    await fc.assert(
      fc.asyncProperty(broadcasting, async ([axes, dropped]) => {
        const a = axes.map(([length, who]) => (who === 'b' ? 1 : length))
        const b = axes.map(([length, who]) => (who === 'a' ? 1 : length)).slice(dropped)
        await same(binary[name] as Fn, waves(a), waves(b, 2))
      }),
      { numRuns: 12 },
    )
  })
})

describe('layout', () => {
  test('any chain of transposes, reshapes and elementwise operations', async () => {
    const steps = fc.array(
      fc.constantFrom('transpose', 'reshape', 'add', 'sum', 'slice', 'concat', 'pad', 'softmax', 'conv'),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 50 }), async (chain, seed) => {
        const apply = (x: tf.Tensor): tf.Tensor => {
          let random = seed
          const next = (n: number) => {
            random = (random * 1103515245 + 12345) % 2147483648
            return Math.floor((random / 2147483648) * n)
          }
          return chain.reduce<tf.Tensor>((y, step) => {
            const rank = y.rank
            switch (step) {
              case 'transpose': {
                const perm = Array.from({ length: rank }, (_, i) => i)
                for (let i = rank - 1; i > 0; i--) {
                  const j = next(i + 1)
                  ;[perm[i], perm[j]] = [perm[j] as number, perm[i] as number]
                }
                return tf.transpose(y, perm)
              }
              case 'reshape': {
                const to: number[] = []
                let rest = y.size
                while (rest > 1 && to.length < 3) {
                  const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0)
                  const d = divisors[next(divisors.length)] as number
                  to.push(d)
                  rest /= d
                }
                return tf.reshape(y, [...to, rest])
              }
              case 'add':
                return tf.add(
                  y,
                  waves(
                    y.shape.map((length, i) => ((next(2) + i) % 2 ? length : 1)),
                    3,
                  ),
                )
              case 'sum':
                return rank > 1 ? tf.mean(y, next(rank), next(2) === 1) : tf.mul(y, 0.5)
              case 'slice': {
                const axis = next(rank)
                const length = y.shape[axis] as number
                const begin = y.shape.map((_, i) => (i === axis ? next(length) : 0))
                return tf.slice(
                  y,
                  begin,
                  y.shape.map((n, i) => n - (begin[i] as number)),
                )
              }
              case 'concat':
                return tf.concat([y, tf.mul(y, 2)], next(rank))
              case 'pad':
                return tf.pad(
                  y,
                  y.shape.map((_, i) => [i % 2, next(2)] as [number, number]),
                )
              case 'softmax':
                return tf.softmax(y)
              default: {
                if (rank !== 4) return tf.tanh(y)
                const channels = y.shape[3] as number
                return tf.conv2d(
                  y as tf.Tensor4D,
                  waves([3, 3, channels, 3], 0, 0.3) as tf.Tensor4D,
                  1,
                  'same',
                )
              }
            }
          }, x)
        }
        await same(apply, waves([2, 3, 4, 2]))
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['split', (x: tf.Tensor) => tf.add(...(tf.split(x, 2, 2) as [tf.Tensor, tf.Tensor]))],
    ['unequal split', (x: tf.Tensor) => (tf.split(x, [1, 3], 2) as tf.Tensor[])[1] as tf.Tensor],
    ['strided slice', (x: tf.Tensor) => tf.stridedSlice(x, [0, 1, 0], [2, 3, 4], [1, 1, 2])],
    ['tile', (x: tf.Tensor) => tf.tile(x, [1, 2, 3])],
    ['stack', (x: tf.Tensor) => tf.stack([x, tf.mul(x, 2)], 1)],
    ['gather', (x: tf.Tensor) => tf.gather(x, tf.tensor1d([2, 0], 'int32'), 1)],
    ['reverse', (x: tf.Tensor) => tf.reverse(x, [0, 2])],
    ['expand', (x: tf.Tensor) => tf.expandDims(x, 1)],
    ['argMax', (x: tf.Tensor) => tf.argMax(x, 2)],
    ['cumsum', (x: tf.Tensor) => tf.cumsum(x, 1, true)],
    ['logSoftmax', (x: tf.Tensor) => tf.logSoftmax(x)],
    ['max', (x: tf.Tensor) => tf.max(x, [0, 2])],
    ['all', (x: tf.Tensor) => tf.all(tf.greater(x, -0.5), 1)],
  ] as const)('%s', async (_, fn) => {
    await same(fn as Fn, waves([2, 3, 4]))
  })

  test('one-hot rows', async () => {
    await same((y) => tf.oneHot(y, 5), tf.tensor1d([3, 0, 4], 'int32'))
    await same((y) => tf.oneHot(y, 5, 0.5, -1), tf.tensor2d([[3, 0, 4]], [1, 3], 'int32'))
  })
})

describe('matrices', () => {
  test('products with every layout of the factors', async () => {
    const cases = fc.record({
      batch: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
      m: fc.integer({ min: 1, max: 5 }),
      k: fc.integer({ min: 1, max: 5 }),
      n: fc.integer({ min: 1, max: 5 }),
      ta: fc.boolean(),
      tb: fc.boolean(),
      constant: fc.boolean(),
      moved: fc.constantFrom('none', 'a', 'b', 'both'),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ batch, m, k, n, ta, tb, constant, moved }) => {
        const a = waves([...batch, ...(ta ? [k, m] : [m, k])])
        const b = waves([...(constant ? batch.map(() => 1) : batch), ...(tb ? [n, k] : [k, n])], 1)
        const rank = a.rank
        const swap = [...batch.map((_, i) => i), rank - 1, rank - 2]
        // lies turned, looks straight
        const turn = (x: tf.Tensor, on: boolean) =>
          on ? tf.transpose(tf.tanh(tf.transpose(x, swap)), swap) : x
        const product = (left: tf.Tensor, right: tf.Tensor) =>
          tf.matMul(
            turn(left, moved === 'a' || moved === 'both'),
            turn(right, moved === 'b' || moved === 'both'),
            ta,
            tb,
          )
        if (constant) await same((left) => product(left, b), a)
        else await same(product, a, b)
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    [2, 5, 5],
    [1, 5, 5],
    [2, 5, 1],
    [3, 1, 4],
    [1, 1, 1],
  ])('a weight matrix for every pixel, behind a convolution: %i of %i × %i', async (batch, height, width) => {
    const filter = waves([3, 3, 2, 4], 0, 0.3) as tf.Tensor4D
    const weight = waves([4, 6], 2) as tf.Tensor2D
    const forEachPixel: Fn = (x) => {
      const y = tf.conv2d(x as tf.Tensor4D, filter, 1, 'same')
      const rows = tf.add(tf.matMul(tf.reshape(y, [-1, 4]), weight), waves([6], 4))
      return tf.reshape(rows, [batch, height * width, 6])
    }
    const x = waves([batch, height, width, 2])
    await same(forEachPixel, x)
    const graph = trace((given) => ({ y: forEachPixel(given.x as tf.Tensor) }), { x })
    const filters = graph.nodes.flatMap(({ operator, inputs }) =>
      operator === 'Conv' ? [inputs[1]?.shape] : [],
    )
    // pixels in a row, so that the runtime leaves them as they lie
    if (height * width > 1)
      expect(filters).toEqual([
        [4, 2, 3, 3],
        [6, 4, 1],
      ])
  })
})

describe('images', () => {
  const x = () => waves([2, 6, 5, 3])
  test.each([
    ['same', 1],
    ['valid', 1],
    ['same', 2],
    ['valid', 2],
  ] as const)(
    'convolution, %s, stride %i: values, the gradients of x and of the filter',
    async (pad, stride) => {
      const filter = waves([3, 3, 3, 4], 1, 0.3) as tf.Tensor4D
      const bias = waves([4], 2) as tf.Tensor1D
      await same((y) => tf.fused.conv2d({ x: y as tf.Tensor4D, filter, bias, strides: stride, pad }), x())
      const gradient = tf.grad((f) =>
        tf.sum(tf.square(tf.conv2d(x() as tf.Tensor4D, f as tf.Tensor4D, stride, pad))),
      )
      await same((f) => gradient(f), filter)
      const size = tf.conv2d(x() as tf.Tensor4D, filter, stride, pad).shape
      await same(
        (dy) =>
          tf.conv2dTranspose(
            dy as tf.Tensor4D,
            filter,
            x().shape as [number, number, number, number],
            stride,
            pad,
          ),
        waves(size, 4),
      )
    },
  )

  test.each([
    ['average pooling', (y: tf.Tensor) => tf.avgPool(y as tf.Tensor4D, 2, 2, 'valid')],
    ['largest', (y: tf.Tensor) => tf.maxPool(y as tf.Tensor4D, 2, 2, 'same')],
    ['nearest', (y: tf.Tensor) => tf.image.resizeNearestNeighbor(y as tf.Tensor4D, [12, 10])],
    ['bilinear', (y: tf.Tensor) => tf.image.resizeBilinear(y as tf.Tensor4D, [12, 15], false, true)],
    ['bilinear, corners', (y: tf.Tensor) => tf.image.resizeBilinear(y as tf.Tensor4D, [11, 7], true)],
    ['bilinear, smaller', (y: tf.Tensor) => tf.image.resizeBilinear(y as tf.Tensor4D, [3, 4])],
  ])('%s', async (_, fn) => {
    await same(fn as Fn, x())
  })
})
