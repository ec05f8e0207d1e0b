/**
 * The programs of GroupNorm with SiLU in WGSL: see `group-norm-webgpu.ts` for the mathematics. They compute in float32 also
 * where float16 is asked for: each number is read, used in a dozen operations and written, all in float32 memory, which
 * takes the time; and sums of thousands of squares need float32's digits.
 */

type Activation = 'silu' | 'linear'

export const threads = 256
/** Threads of a workgroup that work on neighbouring channels: what they read lies side by side, 32 bytes of it. */
export const lanes = 8

/**
 * Code for the pixels of a thread, four at a time: a card reads the next ones while it waits for the first. `each` is code
 * for pixel p, which adds to component i of sums.
 */
const overPixels = (first: string, step: string, each: (i: string) => string) => `
    var p = ${first};
    for (; p + 3 * ${step} < pixels; p += ${step}) {${['x', 'y', 'z', 'w']
      .map(
        (i) => `
      { ${each(i)} }${i === 'w' ? '' : `\n      p += ${step};`}`,
      )
      .join('')}
    }
    for (; p < pixels; p += ${step}) { ${each('x')} }`

/** A workgroup for each group of a sample: two passes, since E[x²] − E[x]² cancels. */
export const statisticsCode = (epsilon: number) => `
var<workgroup> partial : array<f32, ${threads}>;

fn total(value : f32) -> f32 {
  workgroupBarrier();
  partial[localIndex] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
    if (localIndex < half) { partial[localIndex] = partial[localIndex] + partial[localIndex + half]; }
    workgroupBarrier();
  }
  return partial[0];
}

fn main(index : i32) {
  let group = index / ${threads};
  let real = group < uniforms.outShape[0] * uniforms.groups;
  let channels = uniforms.xShape[3];
  let width = channels / uniforms.groups;
  let pixels = uniforms.xShape[1] * uniforms.xShape[2];
  let count = pixels * width;
  // of the threads, some share a pixel
  let sharing = uniforms.sharing;
  let lane = i32(localIndex) % sharing;
  let firstPixel = i32(localIndex) / sharing;
  let step = ${threads} / sharing;
  let start = select(0, (group / uniforms.groups) * pixels * channels + (group % uniforms.groups) * width, real);
  var sums = vec4<f32>(0.0);
  for (var c = lane; c < width; c += sharing) {${overPixels('firstPixel', 'step', (i) => `sums.${i} += x[start + p * channels + c];`)}
  }
  let mean = total(dot(sums, vec4<f32>(1.0))) / f32(count);
  sums = vec4<f32>(0.0);
  for (var c = lane; c < width; c += sharing) {${overPixels(
    'firstPixel',
    'step',
    (i) => `let centred = x[start + p * channels + c] - mean; sums.${i} += centred * centred;`,
  )}
  }
  let variance = total(dot(sums, vec4<f32>(1.0))) / f32(count);
  if (localIndex == 0u && real) {
    result[2 * group] = mean;
    result[2 * group + 1] = 1.0 / sqrt(variance + ${epsilon});
  }
}`

/** What is known of one number: x̂ and u, and where its sample's channel and group lie. */
const placeCode = `
struct Place { row : i32, group : i32, rstd : f32, normal : f32, u : f32 };

fn placeOf(at : i32) -> Place {
  let channels = uniforms.xShape[3];
  let channel = at % channels;
  let sample = at / (uniforms.xShape[1] * uniforms.xShape[2] * channels);
  let row = sample * channels + channel;
  let group = sample * uniforms.groups + channel / (channels / uniforms.groups);
  let rstd = statistics[2 * group + 1];
  let normal = (x[at] - statistics[2 * group]) * rstd;
  return Place(row, group, rstd, normal, normal * scale[row] + shift[row]);
}

fn sizeOf(shape : vec4<i32>) -> i32 { return shape.x * shape.y * shape.z * shape.w; }

// exp of a large number may be anything: u σ(u) is 0 long before
fn sigmoid(u : f32) -> f32 { return 1.0 / (1.0 + exp(min(-u, 87.0))); }`

export const normalizeCode = (activation: Activation) => `${placeCode}

fn main(index : i32) {
  if (index < sizeOf(uniforms.xShape)) {
    let u = placeOf(index).u;
    result[index] = ${activation === 'silu' ? 'u * sigmoid(u)' : 'u'};
  }
}`

/** du = dy · (σ + u σ (1 − σ)). */
const incomingCode = (activation: Activation) =>
  activation === 'silu'
    ? `fn incoming(at : i32, u : f32) -> f32 {
  let s = sigmoid(u);
  return dy[at] * (s + u * s * (1.0 - s));
}`
    : 'fn incoming(at : i32, u : f32) -> f32 { return dy[at]; }'

/** dshift = Σ du or dscale = Σ du · x̂: a workgroup for some neighbouring channels of a sample. */
export const channelSumCode = (activation: Activation, of: 'scale' | 'shift') => `${placeCode}
${incomingCode(activation)}
var<workgroup> partial : array<f32, ${threads}>;

fn main(index : i32) {
  let channels = uniforms.xShape[3];
  let pixels = uniforms.xShape[1] * uniforms.xShape[2];
  let tiles = (channels + ${lanes - 1}) / ${lanes};
  let sample = (index / ${threads}) / tiles;
  let channel = ((index / ${threads}) % tiles) * ${lanes} + i32(localIndex) % ${lanes};
  let real = sample < uniforms.xShape[0] && channel < channels;
  var sums = vec4<f32>(0.0);
  if (real) {
    let row = sample * channels + channel;
    let group = sample * uniforms.groups + channel / (channels / uniforms.groups);
    let mean = statistics[2 * group];
    let rstd = statistics[2 * group + 1];
    let factor = scale[row];
    let offset = shift[row];${overPixels(
      `i32(localIndex) / ${lanes}`,
      `${threads / lanes}`,
      (i) => `let at = (sample * pixels + p) * channels + channel;
      let normal = (x[at] - mean) * rstd;
      sums.${i} += incoming(at, normal * factor + offset)${of === 'scale' ? ' * normal' : ''};`,
    )}
  }
  partial[localIndex] = dot(sums, vec4<f32>(1.0));
  workgroupBarrier();
  for (var half = ${threads / 2}u; half >= ${lanes}u; half = half / 2u) {
    if (localIndex < half) { partial[localIndex] = partial[localIndex] + partial[localIndex + half]; }
    workgroupBarrier();
  }
  if (localIndex < ${lanes}u && real) { result[sample * channels + channel] = partial[localIndex]; }
}`

/** `[B, G, 2]`: the means over each group of scale · du and of scale · du · x̂. */
export const meansCode = `
fn main(index : i32) {
  let groups = uniforms.outShape[1];
  if (index < uniforms.outShape[0] * groups * 2) {
    let width = uniforms.scaleShape[1] / groups;
    let start = (index / 2) * width;
    var sum = 0.0;
    for (var i = start; i < start + width; i++) {
      sum += scale[i] * select(dshift[i], dscale[i], index % 2 == 1);
    }
    result[index] = sum / f32(width * uniforms.pixels);
  }
}`

/** dx = rstd · (scale · du − mean(scale · du) − x̂ · mean(scale · du · x̂)). */
export const gradientCode = (activation: Activation) => `${placeCode}
${incomingCode(activation)}

fn main(index : i32) {
  if (index < sizeOf(uniforms.xShape)) {
    let place = placeOf(index);
    let du = incoming(index, place.u);
    let pull = means[2 * place.group] + place.normal * means[2 * place.group + 1];
    result[index] = place.rstd * (scale[place.row] * du - pull);
  }
}`
