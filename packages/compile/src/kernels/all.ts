import type { Kernel } from '../recorder.ts'
import { attentionKernels } from './attention.ts'
import { convolutionKernels } from './convolution.ts'
import { elementwiseKernels } from './elementwise.ts'
import { groupNormKernels } from './group-norm.ts'
import { matrixKernels } from './matrix.ts'
import { reductionKernels } from './reduction.ts'
import { shapeKernels } from './shape.ts'

/** What each operation of TensorFlow.js becomes. */
export const kernels: Readonly<Record<string, Kernel>> = {
  ...attentionKernels,
  ...convolutionKernels,
  ...elementwiseKernels,
  ...groupNormKernels,
  ...matrixKernels,
  ...reductionKernels,
  ...shapeKernels,
}
