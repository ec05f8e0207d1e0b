export { tensorflowGpu } from './tensorflow.ts'
