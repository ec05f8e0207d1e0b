import { startBackend } from '@guided-diffusion/backends'
import { cpu } from '@guided-diffusion/backends/cpu'
import { wasm } from '@guided-diffusion/backends/wasm'
import { loadClassifier } from '@guided-diffusion/classifier'
import type { GraphRuntime } from '@guided-diffusion/compile'
import { onnxRuntimeNode } from '@guided-diffusion/compile/node'
import { unconditional } from '@guided-diffusion/guidance'
import { loadUNet } from '@guided-diffusion/models'
import * as pretrained from '@guided-diffusion/pretrained-fashion-mnist'
import * as tf from '@tensorflow/tfjs-core'
import { expect, test } from 'vitest'
import { farthest } from '../../testing/networks.ts'
import { builtIn, type RunPlan } from '../plan.ts'
import { emptyWish, painted } from '../wish.ts'
import type { Engine } from './engine.ts'
import type { Model } from './model.ts'
import { runPlan } from './run.ts'
import { stepGraphs } from './step-graphs.ts'

async function builtInModel(): Promise<Model> {
  const unet = await loadUNet(pretrained.denoiser)
  const classifier = await loadClassifier(pretrained.classifier)
  const graphs = stepGraphs([unet.parameters, classifier.parameters])
  return {
    unet,
    classifier,
    denoiser: unconditional(unet),
    diffusion: pretrained.diffusion,
    facts: { name: 'built in', shape: pretrained.shape, classes: 10, classNames: pretrained.classes },
    steps: graphs.of,
    dispose: () => {
      graphs.dispose()
      unet.dispose()
      classifier.dispose()
    },
  }
}

/** ONNX Runtime of Node, and how many graphs were opened on it and not given back. */
async function countingRuntime() {
  const real = await onnxRuntimeNode()
  const graphs = { opened: 0, open: 0 }
  const runtime: GraphRuntime = {
    ...real,
    open: async (...args) => {
      graphs.opened++
      graphs.open++
      const session = await real.open(...args)
      return {
        ...session,
        dispose: async () => {
          graphs.open--
          await session.dispose()
        },
      }
    },
  }
  return { graphs, runtime }
}

const engine = (runtime?: GraphRuntime): Engine => ({
  name: 'onnx-wasm',
  facts: { name: 'onnx-wasm', description: '', why: '' },
  lost: () => undefined,
  ...(runtime ? { runtime } : {}),
})

/** The pictures after the last step. */
async function pictures(plan: RunPlan, model: Model, runtime?: GraphRuntime): Promise<Uint8Array> {
  let last = new Uint8Array()
  await runPlan(plan, {
    engine: engine(runtime),
    model,
    signal: new AbortController().signal,
    live: () => undefined,
    onStep: ({ x }) => {
      last = x as Uint8Array<ArrayBuffer>
    },
  })
  return last
}

const cells = (label: number) => [
  { sample: 0, label, gamma: 0 },
  { sample: 0, label },
]
const plan: RunPlan = {
  model: { denoiser: builtIn },
  engine: 'onnx-wasm',
  sampler: 'ddim',
  steps: 3,
  seed: 7,
  cells: cells(8),
  gammas: [[0, 4]],
}
const wished = (paint: 'bright' | 'dark', x: number, strength: number): RunPlan => ({
  ...plan,
  wish: { ...painted(emptyWish([28, 28, 1]), paint, { x, y: 12, radius: 4 }), strength },
  cells: [
    { sample: 0, label: 8 },
    { sample: 0, label: 8, wished: true },
  ],
})

/** Runs one after the other, and how many graphs there are in all by then. */
const runs: readonly (readonly [string, RunPlan, number])[] = [
  ['the first', plan, 1],
  ['another class, seed and γ', { ...plan, cells: cells(3), seed: 11, gammas: [[0, 9]] }, 1],
  [
    'γ that moves, other steps',
    {
      ...plan,
      steps: 5,
      gammas: [
        [0, 1],
        [2, 8],
      ],
    },
    1,
  ],
  ['another sampler', { ...plan, sampler: 'ddpm' }, 2],
  ['with noise of its own', { ...plan, sampler: 'ddim-0.5' }, 3],
  ['one picture', { ...plan, cells: cells(8).slice(1) }, 4],
  ['a wish', wished('dark', 8, 6), 5],
  ['another wish, and how much', wished('bright', 20, 9), 5],
  ['a wish without strength', wished('bright', 20, 0), 6],
]

test('runs of one form share a graph, others have their own, and each makes the pictures that the eager engine makes', async () => {
  await startBackend([wasm()])
  const eagerly = await builtInModel()
  const expected: Uint8Array[] = []
  for (const [, each] of runs) expected.push(await pictures(each, eagerly))
  eagerly.dispose()

  await startBackend([cpu()])
  const { graphs, runtime } = await countingRuntime()
  const model = await builtInModel()
  const tensors = tf.memory().numTensors
  for (const [i, [name, each, count]] of runs.entries()) {
    const actual = await pictures(each, model, runtime)
    expect(farthest(actual, expected[i] as Uint8Array), name).toBeLessThan(3)
    expect({ name, ...graphs }).toEqual({ name, opened: count, open: 1 })
    expect(tf.memory().numTensors).toBe(tensors)
  }

  // on another runtime, as after a change of the engine, and away with the model
  const other = await countingRuntime()
  await pictures(plan, model, other.runtime)
  expect([graphs.open, other.graphs.open]).toEqual([0, 1])
  model.dispose()
  await expect.poll(() => other.graphs.open).toBe(0)
})
