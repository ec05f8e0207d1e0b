/** What `gpu.mjs` times: cases of `run.mjs`, and some of them with more images at once. */
import { admGradient, admStep, admStep16 } from './adm64.mjs'
import { fashionMnistGuided } from './fashion-mnist-guided.mjs'
import { trainingStep, trainingStep512 } from './training-step.mjs'
import { admForward, admForward16, fashionMnistForward } from './unet-pass.mjs'

/** @type {readonly import('./measure.mjs').Case[]} */
export const gpuCases = [
  admForward,
  admForward16,
  admGradient,
  admStep,
  admStep16,
  fashionMnistForward,
  fashionMnistGuided,
  trainingStep,
  trainingStep512,
]
