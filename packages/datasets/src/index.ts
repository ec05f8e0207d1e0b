export { arrayDataset } from './array-dataset.ts'
export { type BatchOptions, batches, type ImageBatch } from './batches.ts'
export type { ByteSource } from './byte-source.ts'
export type { Dataset, Samples } from './dataset.ts'
export {
  DatasetFormatError,
  DatasetRangeError,
  DatasetReadError,
  DecoderMissingError,
  FolderLayoutError,
  UnsupportedRuntimeError,
} from './errors.ts'
export type { FolderClasses } from './folder-classes.ts'
export { idx } from './idx.ts'
export { type IdxArray, readIdx } from './idx-file.ts'
export { imageFolder } from './image-folder.ts'
