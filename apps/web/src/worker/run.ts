/** Samples the pictures of a plan and reports each step. */
import { ddim, ddpm, describedDiffusion, type Sampler, sample } from '@guided-diffusion/diffusion'
import * as tf from '@tensorflow/tfjs-core'
import { toBytes, toSignedBytes } from '../pixels.ts'
import { type GammaPath, gammaAt, type RunPlan, type SamplerChoice } from '../plan.ts'
import type { StepPicture } from '../protocol.ts'
import type { Engine } from './engine.ts'
import { givenWish, guidanceOf } from './guidances.ts'
import type { Model } from './model.ts'

export interface RunOptions {
  readonly engine: Engine
  readonly model: Model
  readonly signal: AbortSignal
  /** A γ that was set by hand, which holds from the step on in which it is found. */
  readonly live: () => number | undefined
  readonly onStep: (step: StepPicture) => void
}

export async function runPlan(plan: RunPlan, options: RunOptions): Promise<void> {
  const { engine, model, signal, live, onStep } = options
  const { classifier } = model
  let used = 0
  const gamma = (step: number) => {
    used = live() ?? gammaAt(plan.gammas as GammaPath, step)
    return used
  }
  const parts = {
    cells: plan.cells,
    ...(plan.wish ? { wish: plan.wish } : {}),
    ...(classifier ? { classifier } : {}),
  }
  const guidance = guidanceOf(parts)
  const steps = engine.runtime && model.steps(engine.runtime)
  let began = performance.now()
  const run = sample({
    diffusion: describedDiffusion(model.diffusion, spacing(plan, model.diffusion.steps)),
    denoiser: model.denoiser,
    sampler: samplerOf(plan.sampler),
    shape: model.facts.shape,
    samples: plan.cells.map(({ sample: noise }) => noise),
    labels: plan.cells.map(({ label }) => label),
    seed: plan.seed,
    signal,
    ...(guidance ? { guidance } : {}),
    given: (index) => {
      const now = gamma(index)
      return { gammas: tf.tensor1d(plan.cells.map((cell) => cell.gamma ?? now)), ...givenWish(parts) }
    },
    ...(classifier
      ? { observe: ({ x, t }) => ({ probabilities: tf.softmax(classifier.logits(x, t)) }) }
      : {}),
    ...(steps ? { execute: steps.execute } : {}),
  })
  for await (const { index, total, timestep, x, xStart, gradient, observed } of run) {
    const cells = plan.cells.length
    const [next, predicted, pull, probabilities] = await Promise.all(
      [x, xStart, gradient, observed?.probabilities].map((tensor) => tensor?.data<'float32'>()),
    )
    const now = performance.now()
    onStep({
      index,
      total,
      timestep,
      gamma: used,
      x: toBytes(next as Float32Array),
      xStart: toBytes(predicted as Float32Array),
      pull: toSignedBytes(pull ?? new Float32Array(), cells),
      probabilities: (probabilities ?? new Float32Array()).slice(),
      took: now - began,
    })
    began = performance.now()
  }
}

/** DDIM's spacing for DDIM where it has so many steps, even spacing else and for DDPM, as in the reference code. */
function spacing({ sampler, steps }: RunPlan, trained: number): string {
  const stride = Math.ceil(trained / steps)
  const strides = sampler !== 'ddpm' && stride < trained && Math.ceil(trained / stride) === steps
  return strides ? `ddim${steps}` : `${steps}`
}

function samplerOf(choice: SamplerChoice): Sampler {
  if (choice === 'ddpm') return ddpm()
  return ddim({ eta: Number(choice.split('-')[1] ?? 0) })
}
