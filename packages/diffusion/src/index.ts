export {
  type Coefficients,
  coefficientNames,
  coefficientRow,
  coefficients,
  coefficientsFrom,
} from './coefficients.ts'
export { type DiffusionDescription, describedDiffusion } from './description.ts'
export {
  createDiffusion,
  type Diffusion,
  learnsVariance,
  type Prediction,
  type Variance,
} from './diffusion.ts'
export { discretizedGaussianLogLikelihood } from './discretized-gaussian.ts'
export { DenoiserOutputError, DiffusionOptionError, DivergenceError } from './errors.ts'
export { addNoise, networkTimesteps, qSample } from './forward.ts'
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
export { posteriorMean, xStartFromPrevious } from './posterior.ts'
export {
  epsilonFromXStart,
  predictionTarget,
  xStartFromEpsilon,
  xStartFromPrediction,
  xStartFromV,
} from './prediction.ts'
export { type Reverse, type ReverseOptions, reverse, reverseFrom } from './reverse.ts'
export { reverseLogVariance, type SplitOutput, splitOutput } from './variance.ts'
