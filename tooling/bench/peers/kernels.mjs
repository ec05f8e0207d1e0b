/** Times kernels on WebGPU by the card's own clock, ours or those that TensorFlow.js has as it comes: one line of JSON for each. */
import { registerGradients, startBackend } from '@guided-diffusion/backends'
import { webgpu } from '@guided-diffusion/backends/webgpu'
import * as tf from '@tensorflow/tfjs-core'
import { settle } from '../engines.mjs'
import { startStock, useDawn } from './stock.mjs'

const [side] = process.argv.slice(2)

tf.env().set('PROD', true)
// else it tells times in steps of 100 µs
await useDawn([
  'disable-dawn-features=timestamp_quantization',
  'enable-dawn-features=vulkan_enable_f16_on_nvidia',
])
if (side === 'stock') await startStock.webgpu()
else await startBackend([webgpu({ precision: side })])
await tf.setBackend('webgpu')
await registerGradients()

const noise = (shape) => tf.randomNormal(shape, 0, 1, 'float32', 1)
const run = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, attributes)

const convolutions = [
  [10, 28, 32, 32, 3],
  [100, 28, 32, 32, 3],
  [100, 7, 96, 96, 3],
  [1, 64, 192, 192, 3],
  [1, 16, 576, 576, 3],
  [1, 64, 192, 6, 3],
  [16, 64, 192, 192, 3],
  [16, 64, 192, 192, 3, 2],
]

function* convolutionKernels() {
  for (const [batch, size, channels, out, taps, strides = 1] of convolutions) {
    const [x, filter] = [noise([batch, size, size, channels]), noise([taps, taps, channels, out])]
    const pixels = Math.ceil(size / strides)
    const dy = noise([batch, pixels, pixels, out])
    const attributes = { strides: [strides, strides], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] }
    const shape = `${batch} × ${size} × ${size}, ${taps} × ${taps}, ${channels} → ${out}${strides > 1 ? `, stride ${strides}` : ''}`
    const operations = 2 * dy.size * taps * taps * channels
    const kernel = (what, call) => ({ what, shape, operations, call })
    yield kernel('convolution', () => run('Conv2D', { x, filter }, attributes))
    yield kernel('its gradient of the input', () =>
      run('Conv2DBackpropInput', { dy, filter }, { ...attributes, inputShape: x.shape }),
    )
    yield kernel('its gradient of the filter', () =>
      run('Conv2DBackpropFilter', { x, dy }, { ...attributes, filterShape: filter.shape }),
    )
    tf.dispose([x, filter, dy])
  }
}

const attentions = [
  [100, 196, 2, 32],
  [1, 1024, 6, 64],
  [1, 64, 12, 64],
  [16, 1024, 6, 64],
]

/** Composed of plain operations. */
function attend(qkv, heads) {
  const [batch, length, tripled] = qkv.shape
  const width = tripled / 3 / heads
  const split = tf.transpose(tf.reshape(qkv, [batch, length, heads, 3, width]), [3, 0, 2, 1, 4])
  const [q, k, v] = tf.unstack(split)
  const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width)))
  return tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [batch, length, heads * width])
}

function* attentionKernels() {
  for (const [batch, length, heads, width] of attentions) {
    const [qkv, dy] = [noise([batch, length, 3 * heads * width]), noise([batch, length, heads * width])]
    const shape = `${batch} × ${length}, ${heads} heads of ${width}`
    const operations = 4 * batch * heads * length * length * width
    const attributes = { heads, order: 'legacy' }
    const forward =
      side === 'stock' ? () => attend(qkv, heads) : () => run('GuidedAttention', { qkv }, attributes)
    yield { what: 'attention', shape, operations, call: forward }
    const gradient =
      side === 'stock'
        ? () => tf.grad((x) => attend(x, heads))(qkv, dy)
        : () => [forward(), run('GuidedAttentionGrad', { dy, qkv }, attributes)]
    yield { what: 'attention and its gradient', shape, operations: 3.5 * operations, call: gradient }
    tf.dispose([qkv, dy])
  }
}

const norms = [
  [100, 28, 32],
  [1, 64, 192],
  [16, 64, 192],
]

/** Composed of plain operations. */
function normalize(x, scale, shift, groups) {
  const [batch, height, width, channels] = x.shape
  const grouped = tf.reshape(x, [batch, height * width, groups, channels / groups])
  const { mean, variance } = tf.moments(grouped, [1, 3], true)
  const normal = tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, 1e-5)))
  const wide = (each) => tf.reshape(each, [batch, 1, 1, channels])
  const u = tf.add(tf.mul(tf.reshape(normal, x.shape), wide(scale)), wide(shift))
  return tf.mul(u, tf.sigmoid(u))
}

function* normKernels() {
  for (const [batch, size, channels] of norms) {
    const [x, dy] = [noise([batch, size, size, channels]), noise([batch, size, size, channels])]
    const [scale, shift] = [noise([batch, channels]), noise([batch, channels])]
    const shape = `${batch} × ${size} × ${size}, ${channels} channels`
    const attributes = { groups: 32, epsilon: 1e-5, activation: 'silu' }
    const forward =
      side === 'stock'
        ? () => normalize(x, scale, shift, 32)
        : () => run('GuidedGroupNorm', { x, scale, shift }, attributes)
    // the numbers of x come in twice and those of y go out
    yield { what: 'GroupNorm and SiLU', shape, bytes: 12 * x.size, call: forward }
    const gradient =
      side === 'stock'
        ? () => tf.grads((...all) => normalize(...all, 32))([x, scale, shift], dy)
        : () => [forward(), run('GuidedGroupNormGrad', { dy, x, scale, shift }, attributes)]
    yield { what: 'GroupNorm and SiLU and their gradient', shape, bytes: 36 * x.size, call: gradient }
    tf.dispose([x, dy, scale, shift])
  }
}

const calls = 5

/** Seconds that the card works on a call, of some after the first two. */
async function time(call) {
  for (let i = 0; i < 2; i++) tf.dispose(call())
  await settle()
  const { kernelMs } = await tf.time(() => {
    for (let i = 0; i < calls; i++) tf.dispose(call())
  })
  return kernelMs / 1000 / calls
}

for (const kernels of [convolutionKernels, attentionKernels, normKernels]) {
  for (const { call, ...kernel } of kernels()) {
    const result = await time(call).then(
      (seconds) => ({ seconds }),
      (error) => ({ reason: error.message }),
    )
    process.stdout.write(`${JSON.stringify({ ...kernel, ...result })}\n`)
  }
}
