/** What ONNX Runtime's WebGPU provider needs graphs to be. */
import type { Graph } from './graph.ts'
import { narrowSplits } from './narrow-splits.ts'
import { paddedChannels } from './padded-channels.ts'

/** Of one program: devices bind ten buffers to it at least, of which two are not outputs. */
const outputs = 8

/** The same graph for that provider. */
export const webgpuGraph = (graph: Graph): Graph => paddedChannels(narrowSplits(graph, outputs))
