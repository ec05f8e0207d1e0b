/**
 * The UNet of a plan in jax-js, for comparison: the layers of `@guided-diffusion/models` with scale-shift conditioning and
 * residual blocks that resample, channels first. An array is used up by the function that gets it; `.ref` keeps it.
 */
import type { LayerPlan, UNetPlan } from '@guided-diffusion/models'
import { lax, nn, numpy as np } from '@jax-js/jax'

/** State-dict name → array in the layout of files. */
export type JaxWeights = Record<string, np.Array>

type Weight = (name: string) => np.Array

/** x `[B, C, H, W]`, t `[B]`, labels `[B]` int32 → `[B, outChannels, H, W]`. Weights stay, the others are used up. */
export function jaxUNet(plan: UNetPlan) {
  return (weights: JaxWeights, x: np.Array, t: np.Array, labels: np.Array): np.Array => {
    const weight = (name: string) => (weights[name] as np.Array).ref
    const embedding = embed(weight, timesteps(t, plan.config.channels), labels)
    const run = (h: np.Array, layers: readonly LayerPlan[]) =>
      layers.reduce((now, layer) => runLayer(weight, layer, now, embedding), h)
    const skips: np.Array[] = []
    let h = x
    for (const { layers } of plan.inputBlocks) {
      h = run(h, layers)
      skips.push(h.ref)
    }
    h = run(h, plan.middleBlock.layers)
    for (const { layers } of plan.outputBlocks)
      h = run(np.concatenate([h, skips.pop() as np.Array], 1), layers)
    embedding.dispose()
    return conv(weight, 'out.2', nn.silu(groupNorm(weight, 'out.0', h)))
  }
}

function runLayer(weight: Weight, layer: LayerPlan, x: np.Array, embedding: np.Array): np.Array {
  switch (layer.kind) {
    case 'conv':
      return conv(weight, layer.name, x)
    case 'res-block':
      return resBlock(weight, layer, x, embedding.ref)
    case 'attention':
      return attention(weight, layer, x)
    default:
      throw new Error(`${layer.name} is a layer of kind ${layer.kind}, which this comparison does without.`)
  }
}

const resamplings = { none: (x: np.Array) => x, down: averagePool, up: repeatPixels }

function resBlock(
  weight: Weight,
  { name, in: from, out, resample }: Extract<LayerPlan, { kind: 'res-block' }>,
  x: np.Array,
  embedding: np.Array,
): np.Array {
  const resampled = resamplings[resample]
  const activated = nn.silu(groupNorm(weight, `${name}.in_layers.0`, x.ref))
  const hidden = conv(weight, `${name}.in_layers.2`, resampled(activated))
  const modulation = linear(weight, `${name}.emb_layers.1`, embedding).reshape([-1, 2 * out, 1, 1])
  const scale = modulation.ref.slice([], [0, out])
  const shift = modulation.slice([], [out, 2 * out])
  const normalized = groupNorm(weight, `${name}.out_layers.0`, hidden)
  const modulated = normalized.mul(scale.add(1)).add(shift)
  const result = conv(weight, `${name}.out_layers.3`, nn.silu(modulated))
  const carried = resampled(x)
  return result.add(from === out ? carried : conv(weight, `${name}.skip_connection`, carried))
}

/** x + proj(softmax(qᵀ k / √c) v) over pixels; the channels of q, k and v are head × (q, k, v) × c. */
function attention(
  weight: Weight,
  { name, width, heads }: Extract<LayerPlan, { kind: 'attention' }>,
  x: np.Array,
): np.Array {
  const [batch, , height, columns] = x.shape as [number, number, number, number]
  const normalized = groupNorm(weight, `${name}.norm`, x.ref).reshape([batch, width, height * columns])
  const qkv = pointwise(weight, `${name}.qkv`, normalized).reshape([batch, heads, 3, width / heads, -1])
  const q = qkv.ref.slice([], [], 0).mul(1 / Math.sqrt(width / heads))
  const k = qkv.ref.slice([], [], 1)
  const v = qkv.slice([], [], 2)
  const shares = nn.softmax(np.matmul(q.transpose([0, 1, 3, 2]), k), -1)
  const mixed = np.matmul(v, shares.transpose([0, 1, 3, 2])).reshape([batch, width, -1])
  return x.add(pointwise(weight, `${name}.proj_out`, mixed).reshape([batch, width, height, columns]))
}

/** (x − mean) / √(var + 10⁻⁵) over each of 32 groups of channels, times weight, plus bias. */
function groupNorm(weight: Weight, name: string, x: np.Array): np.Array {
  const { shape } = x
  const grouped = x.reshape([shape[0] as number, 32, -1])
  const centered = grouped.ref.sub(np.mean(grouped, 2, { keepdims: true }))
  const variance = np.mean(np.square(centered.ref), 2, { keepdims: true })
  const normalized = centered.div(np.sqrt(variance.add(1e-5))).reshape(shape)
  const perChannel = (end: string) => weight(`${name}.${end}`).reshape([1, -1, 1, 1])
  return normalized.mul(perChannel('weight')).add(perChannel('bias'))
}

function conv(weight: Weight, name: string, x: np.Array): np.Array {
  const bias = weight(`${name}.bias`).reshape([1, -1, 1, 1])
  return lax.conv(x, weight(`${name}.weight`), [1, 1], 'SAME').add(bias)
}

/** The same linear layer at each pixel: `[B, I, T]` → `[B, O, T]`. */
function pointwise(weight: Weight, name: string, x: np.Array): np.Array {
  const bias = weight(`${name}.bias`).reshape([1, -1, 1])
  return lax.conv(x, weight(`${name}.weight`), [1], 'VALID').add(bias)
}

/** `[B, I]` → `[B, O]`. */
function linear(weight: Weight, name: string, x: np.Array): np.Array {
  return np.matmul(x, weight(`${name}.weight`).transpose()).add(weight(`${name}.bias`))
}

/** SiLU of what every residual block reads: the embedded timesteps plus the class's vector. */
function embed(weight: Weight, sinusoids: np.Array, labels: np.Array): np.Array {
  const hidden = nn.silu(linear(weight, 'time_embed.0', sinusoids))
  const time = linear(weight, 'time_embed.2', hidden)
  return nn.silu(time.add(np.take(weight('label_emb.weight'), labels, 0)))
}

/** [cos(t ω_0), …, sin(t ω_0), …],  ω_i = 10⁴^(−i/h),  h = width / 2. */
function timesteps(t: np.Array, width: number): np.Array {
  const half = width / 2
  const frequencies = np.array(Float32Array.from({ length: half }, (_, i) => 10_000 ** (-i / half)))
  const angles = t.reshape([-1, 1]).mul(frequencies)
  return np.concatenate([np.cos(angles.ref), np.sin(angles)], 1)
}

/** Mean over 2×2 pixels. */
function averagePool(x: np.Array): np.Array {
  const [batch, channels, height, width] = x.shape as [number, number, number, number]
  return np.mean(x.reshape([batch, channels, height / 2, 2, width / 2, 2]), [3, 5])
}

/** Each pixel 2×2 times. */
function repeatPixels(x: np.Array): np.Array {
  return np.repeat(np.repeat(x, 2, 2), 2, 3)
}
