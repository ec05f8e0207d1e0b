export { type BitsPerDimension, type BitsPerDimensionOptions, bitsPerDimension } from './bits-per-dim.ts'
export {
  type Coefficients,
  coefficientNames,
  coefficientRow,
  coefficients,
  coefficientsFrom,
} from './coefficients.ts'
export { ddim } from './ddim.ts'
export { ddimInversion } from './ddim-inversion.ts'
export { ddpm } from './ddpm.ts'
export type { Denoiser } from './denoiser.ts'
export { type DiffusionDescription, describedDiffusion } from './description.ts'
export {
  createDiffusion,
  type Diffusion,
  learnsVariance,
  type Prediction,
  type Variance,
} from './diffusion.ts'
export { discretizedGaussianLogLikelihood } from './discretized-gaussian.ts'
export {
  AsynchronousDenoiserError,
  DenoiserOutputError,
  DiffusionOptionError,
  DivergenceError,
} from './errors.ts'
export { addNoise, networkTimesteps, qSample } from './forward.ts'
export { generate } from './generate.ts'
export type { Guidance, GuidanceContext } from './guidance.ts'
export { gaussianKl, meanPerSample } from './kl.ts'
export {
  type Losses,
  type LossInput,
  type LossKind,
  type LossWeighting,
  minSnrWeights,
  trainingLoss,
  variationalBound,
} from './loss.ts'
export type { NamedTensors } from './named-tensors.ts'
export { initialNoise, stepNoise } from './noise.ts'
export { type ImageShape, initialNoiseValues } from './noise-values.ts'
export { posteriorMean, xStartFromPrevious } from './posterior.ts'
export {
  epsilonFromXStart,
  predictionTarget,
  xStartFromEpsilon,
  xStartFromPrediction,
  xStartFromV,
} from './prediction.ts'
export { type Reverse, type ReverseOptions, reverse, reverseFrom } from './reverse.ts'
export { type SamplingStep, sample } from './sample.ts'
export type { Sampler, SamplerInput } from './sampler.ts'
export type { SamplingOptions } from './sampling-options.ts'
export type { StepExecutor, StepFunction } from './step.ts'
export { reverseLogVariance, reverseVariance, type SplitOutput, splitOutput } from './variance.ts'
