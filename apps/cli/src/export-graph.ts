/** Networks and whole sampling steps as graphs, with what a program that runs them must know. */
import type { Classifier } from '@guided-diffusion/classifier'
import { type Graph, type Tensors, trace } from '@guided-diffusion/compile'
import {
  coefficientNames,
  coefficientRow,
  type Diffusion,
  ddim,
  ddpm,
  type NamedTensors,
  sample,
} from '@guided-diffusion/diffusion'
import { classifierGuidance, unconditional } from '@guided-diffusion/guidance'
import type { UNet } from '@guided-diffusion/models'
import * as tf from '@tensorflow/tfjs-core'
import type { SamplingPlan } from './sampling-plan.ts'

type Metadata = Readonly<Record<string, string>>

export interface ExportedGraph {
  readonly graph: Graph
  /** Facts for the file, as JSON. */
  readonly facts: Metadata
}

const images = (shape: readonly number[]) => ({ shape, dtype: 'float32' }) as const
const times = (batch: number) => ({ shape: [batch], dtype: 'float32' }) as const
const classes = (batch: number) => ({ shape: [batch], dtype: 'int32' }) as const

/** `x`, `t` and, of a network that is told classes, `labels` → `output`. */
export function denoiserGraph(unet: UNet, batch: number): Graph {
  const { size, inChannels, classes: known } = unet.config
  return trace(
    ({ x, t, labels }) => ({
      output: unet.forward(x as tf.Tensor4D, t as tf.Tensor1D, labels as tf.Tensor1D | undefined),
    }),
    {
      x: images([batch, size, size, inChannels]),
      t: times(batch),
      ...(known === undefined ? {} : { labels: classes(batch) }),
    },
    { weights: unet.parameters },
  )
}

/** `x`, `t` → `logits`. */
export function classifierGraph(classifier: Classifier, batch: number): Graph {
  const { size, inChannels } = classifier.config
  return trace(
    ({ x, t }) => ({ logits: classifier.logits(x as tf.Tensor4D, t as tf.Tensor1D) }),
    { x: images([batch, size, size, inChannels]), t: times(batch) },
    { weights: classifier.parameters },
  )
}

/** `x`, `t`, `labels` → `gradient` of log p(labels | x). */
export function gradientGraph(classifier: Classifier, batch: number): Graph {
  const { size, inChannels } = classifier.config
  return trace(
    ({ x, t, labels }) => ({
      gradient: classifier.gradient(x as tf.Tensor4D, t as tf.Tensor1D, labels as tf.Tensor1D),
    }),
    { x: images([batch, size, size, inChannels]), t: times(batch), labels: classes(batch) },
    { weights: classifier.parameters },
  )
}

/** A sampling step: x_t to x_{t−1}, network, guidance and sampler in one. */
export interface StepWishes {
  readonly unet: UNet
  /** None: nothing guides. */
  readonly classifier: Classifier | undefined
  /** γ */
  readonly scale: number
  readonly plan: SamplingPlan
  readonly batch: number
}

/** What the step calls `x` is `xNext` in the file, where `x` is what goes in. */
const renamed = ({ x, ...rest }: NamedTensors): Tensors => ({ xNext: x as tf.Tensor, ...rest })

/**
 * The step as a graph, and the steps of the run: `t`, `tPrevious` and `coefficients`, which are inputs, each the same for
 * all images of the batch.
 */
export async function stepGraph(wishes: StepWishes): Promise<ExportedGraph> {
  const { unet, classifier, plan, scale, batch } = wishes
  const { size, inChannels } = unet.config
  const told = plan.conditional || classifier !== undefined
  let graph: Graph | undefined
  const run = sample({
    diffusion: plan.diffusion,
    denoiser: plan.conditional ? unet : unconditional(unet),
    sampler: plan.sampler === 'ddpm' ? ddpm() : ddim({ eta: plan.eta }),
    ...(classifier ? { guidance: classifierGuidance(classifier, { scale }) } : {}),
    shape: [size, size, inChannels],
    count: batch,
    ...(told ? { labels: new Array<number>(batch).fill(0) } : {}),
    seed: 0,
    execute: async (step, inputs) => {
      graph = trace((given) => renamed(step(given)), inputs, { weights: weightsOf(wishes) })
      return zeros(graph)
    },
  })
  for await (const _ of run) break
  return {
    graph: graph as Graph,
    facts: {
      sampler: JSON.stringify({ name: plan.sampler, eta: plan.eta, scale: classifier ? scale : 0 }),
      coefficients: JSON.stringify(coefficientNames),
      steps: JSON.stringify(stepsOf(plan.diffusion)),
    },
  }
}

function weightsOf({ unet, classifier }: StepWishes): Tensors {
  const under = (network: string, weights: Tensors) =>
    Object.entries(weights).map(([name, tensor]) => [`${network}/${name}`, tensor] as const)
  return Object.fromEntries([
    ...under('denoiser', unet.parameters),
    ...(classifier ? under('classifier', classifier.parameters) : []),
  ])
}

/** Zeros in place of what a step computes: the loop is left before anything looks at them. */
function zeros({ outputs, outputNames }: Graph): NamedTensors {
  const made = outputs.map(({ shape }, i) => [outputNames[i] as string, tf.zeros([...shape] as [number])])
  const { xNext, ...rest } = Object.fromEntries(made) as Record<string, tf.Tensor>
  return { x: xNext as tf.Tensor, ...rest }
}

/** From the first step that is made to the last. */
function stepsOf(diffusion: Diffusion) {
  const { timesteps, steps } = diffusion.schedule
  return Array.from({ length: steps }, (_, made) => {
    const t = steps - 1 - made
    return {
      t: timesteps[t] as number,
      tPrevious: timesteps[Math.max(0, t - 1)] as number,
      coefficients: coefficientRow(diffusion, t),
    }
  })
}
