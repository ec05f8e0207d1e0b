export { convertFloats, type FloatTarget, toFloat32 } from './convert.ts'
export { type Dtype, type DtypeArrays, dtypeBytes, dtypes, elementCount, isFloating } from './dtype.ts'
export {
  MalformedFileError,
  RefusedGlobalError,
  SourceError,
  TensorNotFoundError,
  TooLargeError,
  TruncatedFileError,
  UnknownFormatError,
  UnsupportedFileError,
  WeightsValueError,
  WriteError,
} from './errors.ts'
export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.ts'
export { writeNpy } from './npy.ts'
export { type NpzOptions, type SaveNpzOptions, saveNpz, writeNpz } from './npz-write.ts'
export { type OpenOptions, openWeights } from './open-weights.ts'
export { readWeights } from './read-weights.ts'
export { readSafetensors } from './safetensors-read.ts'
export {
  type SafetensorsOptions,
  type SaveOptions,
  saveSafetensors,
  type WritableWeights,
  writeSafetensors,
} from './safetensors-write.ts'
export type { SourceOptions, WeightsSource } from './source.ts'
export {
  float32Tensor,
  type PlainList,
  type PlainRecord,
  type PlainValue,
  type Progress,
  type TensorInfo,
  type TensorPlace,
  type Weights,
  type WeightsFormat,
  type WeightsReader,
  type WeightTensor,
} from './weights.ts'
