export { createEncoderUNet, type EncoderUNet } from './encoder-unet.ts'
export {
  ModelConfigError,
  ModelInputError,
  UnknownArchitectureError,
  type WeightMismatch,
  WeightsMismatchError,
} from './errors.ts'
export { inferNetwork, type NetworkFacts } from './infer-config.ts'
export type { DropoutKey } from './layers/dropout.ts'
export { timestepEmbedding } from './layers/timestep-embedding.ts'
export { memoryOrder, memoryShape, toFile, toMemory } from './layout.ts'
export { type LoadOptions, loadEncoderUNet, loadSuperResolutionUNet, loadUNet } from './load.ts'
export {
  describedNetwork,
  descriptionKey,
  loadParameters,
  loadTensors,
  type NetworkDescription,
  type NetworkFile,
  type NetworkKind,
  openNetwork,
  readTensors,
  saveNetwork,
} from './network-file.ts'
export { networkSpecs } from './network-specs.ts'
export {
  countParameters,
  disposeParameters,
  type ParameterKind,
  type ParameterSpec,
  type Parameters,
} from './parameters.ts'
export {
  type PublishedDiffusion,
  type PublishedModel,
  type PublishedName,
  type PublishedSampling,
  publishedModels,
  recognizePublished,
} from './published.ts'
export {
  encoderConfigFromReference,
  type ReferenceOptions,
  unetConfigFromReference,
} from './reference-options.ts'
export { createSuperResolutionUNet, type SuperResolutionUNet } from './super-resolution.ts'
export { createUNet, type ForwardOptions, type UNet } from './unet.ts'
export {
  type AttentionOrder,
  type Complete,
  type Conditioning,
  completeConfig,
  type EncoderUNetConfig,
  type Pooling,
  type Resampling,
  type SuperResolutionUNetConfig,
  type TrunkConfig,
  type UNetConfig,
} from './unet-config.ts'
export {
  type BlockPlan,
  type EncoderUNetPlan,
  embeddingLength,
  type LayerPlan,
  planEncoderUNet,
  planUNet,
  type UNetPlan,
} from './unet-plan.ts'
export {
  compareShapes,
  createParameter,
  createParameters,
  type FileTensor,
  type FileTensors,
  readParameters,
  type WeightSource,
} from './weights.ts'
