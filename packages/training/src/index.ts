export { type AdamWOptions, adamw } from './adamw.ts'
export { updateAverage } from './ema.ts'
export { TrainingDivergedError, TrainingOptionError, TrainingStateError } from './errors.ts'
export { type LearningRateOptions, type LearningRateSchedule, learningRate } from './learning-rate.ts'
export type { Moments, Optimizer } from './optimizer.ts'
export { loadState, saveState, stateWeights } from './saved-state.ts'
export { cloneState, disposeState, type TrainingState } from './state.ts'
export {
  type DrawnTimesteps,
  lossSecondMoment,
  type TimestepSampler,
  uniformTimesteps,
} from './timestep-sampler.ts'
export type {
  TrainingBatch,
  TrainingData,
  TrainingMetrics,
  TrainingOptions,
  TrainingStep,
} from './train.ts'
export { type TrainClassifierOptions, trainClassifier } from './train-classifier.ts'
export { type TrainableDenoiser, type TrainDenoiserOptions, trainDenoiser } from './train-denoiser.ts'
