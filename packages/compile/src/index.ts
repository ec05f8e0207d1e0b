export { type CompileOptions, compile } from './compile.ts'
export {
  type CompiledSteps,
  type CompiledStepsOptions,
  compiledSteps,
  type SteppedFunction,
} from './compiled-steps.ts'
export {
  DeviceTensorError,
  DisposedResultError,
  GraphInputError,
  ModelTooLargeError,
  NonstandardOperatorError,
  RuntimeFaultError,
  RuntimeLostError,
  RuntimeMemoryError,
  RuntimeUnavailableError,
  UnknownResultError,
  UntraceableOperationError,
  WeightFileError,
  WeightRangeError,
} from './errors.ts'
export type {
  Attribute,
  ElementType,
  FilePlace,
  Graph,
  GraphNode,
  Initializer,
  Origin,
  SourceArray,
  Value,
} from './graph.ts'
export { halfArithmetic } from './half-arithmetic.ts'
export { halfWeights } from './half-weights.ts'
export { type ExternalData, type OnnxOptions, onnxModel } from './onnx-file.ts'
export type {
  CompiledFunction,
  DeviceArray,
  GraphRuntime,
  GraphSession,
  OpenOptions,
  SessionArray,
  SessionValue,
} from './session.ts'
export { standardOperators } from './standard-operators.ts'
export { type TensorSpec, type Tensors, type TraceOptions, trace } from './trace.ts'
