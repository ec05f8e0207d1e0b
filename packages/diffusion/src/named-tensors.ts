import type * as tf from '@tensorflow/tfjs-core'

export type NamedTensors = Readonly<Record<string, tf.Tensor>>
