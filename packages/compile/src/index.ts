export { type CompileOptions, compile } from './compile.ts'
export {
  type CompiledSteps,
  type CompiledStepsOptions,
  compiledSteps,
  type SteppedFunction,
} from './compiled-steps.ts'
export {
  DisposedResultError,
  GraphInputError,
  RuntimeUnavailableError,
  UntraceableOperationError,
} from './errors.ts'
export type { Attribute, ElementType, Graph, GraphNode, Initializer, Value } from './graph.ts'
export { type ExternalData, type OnnxOptions, onnxModel } from './onnx-file.ts'
export type { CompiledFunction, GraphRuntime, GraphSession, SessionArray } from './session.ts'
export { type TensorSpec, type Tensors, type TraceOptions, trace } from './trace.ts'
