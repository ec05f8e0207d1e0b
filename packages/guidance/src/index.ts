export { classifierFree, unconditional } from './classifier-free.ts'
export {
  type ClassifierGuidanceOptions,
  classifierGuidance,
  type NoisyClassifier,
} from './classifier-guidance.ts'
export { during, scaleBy, sum } from './composition.ts'
export { GuidanceOptionError, MissingLabelsError } from './errors.ts'
export {
  type GradientGuidanceOptions,
  type GradientPoint,
  gradientGuidance,
  type LogDensity,
} from './gradient-guidance.ts'
export type { Scale, StepScale } from './scale.ts'
