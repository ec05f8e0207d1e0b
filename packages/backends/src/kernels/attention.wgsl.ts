/**
 * The programs of attention in WGSL. Each thread owns one row and goes over the others, of which a workgroup holds a few
 * at a time in its own memory.
 */
import type { Precision } from './webgpu-backend.ts'

/** Rows of a workgroup. */
export const threads = 64
/** What every device lends a workgroup. */
const workgroupBytes = 16384

export type AttentionProgram = keyof typeof codes

export interface Heads {
  readonly width: number
  /** Channels as head × (q, k, v) × width, or as (q, k, v) × head × width. */
  readonly order: 'legacy' | 'new'
  /**
   * `float16`: rows that are multiplied are rounded to it, q as q / √d, and four products are summed in it; longer sums,
   * maxima and exponentials are float32. Of forward only.
   */
  readonly precision: Precision
}

/** The code. Where {@link inFours}, qkv, dy and the result of heads are arrays of four numbers each. */
export const attentionCode = (program: AttentionProgram, heads: Heads) =>
  commonCode(heads) + codes[program](inFours(heads))

/** Whether rows begin and end at multiples of four numbers, and are read and written four at a time. */
export const inFours = ({ width }: Pick<Heads, 'width'>) => width % 4 === 0

/** Where rows lie and how they are read, four numbers at a time with zeros behind the last. */
function commonCode({ width, order, precision }: Heads): string {
  const vectors = Math.ceil(width / 4)
  const half = precision === 'float16'
  const tile = Math.max(1, Math.min(16, Math.floor(workgroupBytes / 2 / ((half ? 8 : 16) * vectors + 8))))
  const offset =
    order === 'legacy'
      ? `(3 * head + part) * ${width}`
      : `part * (uniforms.qkvShape[2] / 3) + head * ${width}`
  return `${half ? 'enable f16;' : ''}
const width = ${width};
const vectors = ${vectors};
const tile = ${tile};
const factor = ${1 / Math.sqrt(width)};
const lowest = -3.0e38;

alias Four = vec4<${half ? 'f16' : 'f32'}>;
alias Row = array<vec4<f32>, ${vectors}>;
// a row that is multiplied with others
alias Factors = array<Four, ${vectors}>;
var<workgroup> first : array<Four, ${tile * vectors}>;
var<workgroup> second : array<Four, ${tile * vectors}>;

struct Place { sample : i32, head : i32, t : i32, real : bool };

fn placeOf(index : i32) -> Place {
  let length = uniforms.qkvShape[1];
  let parts = (length + ${threads - 1}) / ${threads};
  let group = index / ${threads};
  let pair = group / parts;
  let t = (group % parts) * ${threads} + i32(localIndex);
  let real = t < length && pair < uniforms.qkvShape[0] * uniforms.heads;
  return Place(select(0, pair / uniforms.heads, real), select(0, pair % uniforms.heads, real), select(0, t, real), real);
}

// part 0: queries, 1: keys, 2: values
fn addressOf(sample : i32, head : i32, t : i32, part : i32) -> i32 {
  return (sample * uniforms.qkvShape[1] + t) * uniforms.qkvShape[2] + ${offset};
}

${quarterCode('qkv', inFours({ width }))}

fn rowOf(place : Place, part : i32, times : f32) -> Factors {
  let start = addressOf(place.sample, place.head, place.t, part);
  var row : Factors;
  for (var i = 0; i < vectors; i++) { row[i] = Four(times * qkvQuarter(start, i)); }
  return row;
}

fn withFirst(row : ptr<function, Factors>, at : i32) -> f32 {
  var sum = 0.0;
  for (var i = 0; i < vectors; i++) { sum += f32(dot((*row)[i], first[at * vectors + i])); }
  return sum;
}

fn withSecond(row : ptr<function, Factors>, at : i32) -> f32 {
  var sum = 0.0;
  for (var i = 0; i < vectors; i++) { sum += f32(dot((*row)[i], second[at * vectors + i])); }
  return sum;
}
`
}

/** Four numbers of a row that begins somewhere, with zeros behind the last. */
const quarterCode = (name: string, fours: boolean) =>
  fours
    ? `
fn ${name}Quarter(start : i32, i : i32) -> vec4<f32> { return ${name}[start / 4 + i]; }`
    : `
fn ${name}Quarter(start : i32, i : i32) -> vec4<f32> {
  var four = vec4<f32>(0.0);
  for (var j = 0; j < 4; j++) {
    if (4 * i + j < width) { four[j] = ${name}[start + 4 * i + j]; }
  }
  return four;
}`

/** Writes a row to the result, from `start` on. */
const store = (start: string, row: string, change: string, fours: boolean) =>
  fours
    ? `{
      let start = ${start};
      for (var i = 0; i < vectors; i++) { result[start / 4 + i] = ${row}[i]${change}; }
    }`
    : `{
      let start = ${start};
      for (var i = 0; i < width; i++) { result[start + i] = ${row}[i / 4][i % 4]${change}; }
    }`

/** Every thread runs `each` for the rows of a sample's head that lie in the workgroup's memory, tile by tile. */
const overTiles = (load: string, each: string) => `
  for (var start = 0; start < uniforms.qkvShape[1]; start += tile) {
    workgroupBarrier();
    for (var i = i32(localIndex); i < tile * vectors; i += ${threads}) {
      let t = start + i / vectors;
      if (t < uniforms.qkvShape[1]) { ${load} }
    }
    workgroupBarrier();
    for (var at = 0; at < min(tile, uniforms.qkvShape[1] - start); at++) { ${each} }
  }`

/*
 * A head lies in a workgroup of its own, so its sample and head are those of any of its threads. Threads behind the last
 * row load the tiles too: they must know them though they are not real.
 */
const tilePlace = `
  let pair = (index / ${threads}) / ((uniforms.qkvShape[1] + ${threads - 1}) / ${threads});
  let sample = min(pair / uniforms.heads, uniforms.qkvShape[0] - 1);
  let head = pair % uniforms.heads;`

const loadKeys = `
        first[i] = Four(qkvQuarter(addressOf(sample, head, t, 1), i % vectors));
        second[i] = Four(qkvQuarter(addressOf(sample, head, t, 2), i % vectors));`

/** A row of dy `[B, T, C]`, where heads lie side by side. */
const gradientCode = (fours: boolean) => `${quarterCode('dy', fours)}

fn dyAddress(sample : i32, head : i32, t : i32) -> i32 {
  return (sample * uniforms.dyShape[1] + t) * uniforms.dyShape[2] + head * width;
}

fn dyRow(place : Place) -> Factors {
  let start = dyAddress(place.sample, place.head, place.t);
  var row : Factors;
  for (var i = 0; i < vectors; i++) { row[i] = dyQuarter(start, i); }
  return row;
}
`

/** The place of a row's two numbers: the logarithm of its sum of exponentials, and Σ w dw. */
const rowIndex = (t: string, sample: string, head: string) =>
  `2 * ((${sample} * uniforms.heads + ${head}) * uniforms.qkvShape[1] + ${t})`

/** Where a row of queries (0), keys (1) or values (2) lies. */
const addressOf = (part: number) => `addressOf(place.sample, place.head, place.t, ${part})`

const codes = {
  forward: (fours: boolean) => `
fn main(index : i32) {
  let place = placeOf(index);${tilePlace}
  var q = rowOf(place, 0, factor);
  var sum = 0.0;
  var top = lowest;
  var y : Row;
  ${overTiles(
    loadKeys,
    `
      let s = withFirst(&q, at);
      let higher = max(top, s);
      let kept = exp(top - higher);
      let weight = exp(s - higher);
      top = higher;
      sum = sum * kept + weight;
      for (var i = 0; i < vectors; i++) { y[i] = y[i] * kept + weight * vec4<f32>(second[at * vectors + i]); }`,
  )}
  if (place.real) {
    ${store('(place.sample * uniforms.outShape[1] + place.t) * uniforms.outShape[2] + place.head * width', 'y', ' / sum', fours)}
  }
}`,

  rows: (fours: boolean) => `${gradientCode(fours)}
fn main(index : i32) {
  let place = placeOf(index);${tilePlace}
  var q = rowOf(place, 0, factor);
  var incoming = dyRow(place);
  var sum = 0.0;
  var weighted = 0.0;
  var top = lowest;
  ${overTiles(
    loadKeys,
    `
      let s = withFirst(&q, at);
      let higher = max(top, s);
      let kept = exp(top - higher);
      let weight = exp(s - higher);
      top = higher;
      sum = sum * kept + weight;
      weighted = weighted * kept + weight * withSecond(&incoming, at);`,
  )}
  if (place.real) {
    let at = ${rowIndex('place.t', 'place.sample', 'place.head')};
    result[at] = top + log(sum);
    result[at + 1] = weighted / sum;
  }
}`,

  /** dq = Σ ds k / √d with ds = w (dw − Σ w dw), dw = dy · v. */
  queries: (fours: boolean) => `${gradientCode(fours)}
fn main(index : i32) {
  let place = placeOf(index);${tilePlace}
  var q = rowOf(place, 0, factor);
  var incoming = dyRow(place);
  let own = ${rowIndex('place.t', 'place.sample', 'place.head')};
  var dq : Row;
  ${overTiles(
    loadKeys,
    `
      let weight = exp(withFirst(&q, at) - rows[own]);
      let slope = weight * (withSecond(&incoming, at) - rows[own + 1]);
      for (var i = 0; i < vectors; i++) { dq[i] += slope * first[at * vectors + i]; }`,
  )}
  if (place.real) {
    ${store(addressOf(0), 'dq', ' * factor', fours)}
  }
}`,

  /** dk = Σ ds q / √d and dv = Σ w dy over the queries. */
  keys: (fours: boolean) => `${gradientCode(fours)}
var<workgroup> known : array<vec2<f32>, tile>;

fn main(index : i32) {
  let place = placeOf(index);${tilePlace}
  var k = rowOf(place, 1, factor);
  var v = rowOf(place, 2, 1.0);
  var dk : Row;
  var dv : Row;
  ${overTiles(
    `
        first[i] = qkvQuarter(addressOf(sample, head, t, 0), i % vectors);
        second[i] = dyQuarter(dyAddress(sample, head, t), i % vectors);
        if (i % vectors == 0) {
          let own = ${rowIndex('t', 'sample', 'head')};
          known[i / vectors] = vec2<f32>(rows[own], rows[own + 1]);
        }`,
    `
      let weight = exp(withFirst(&k, at) - known[at].x);
      let slope = weight * (withSecond(&v, at) - known[at].y);
      for (var i = 0; i < vectors; i++) {
        dk[i] += slope * first[at * vectors + i];
        dv[i] += weight * second[at * vectors + i];
      }`,
  )}
  if (place.real) {
    ${store(addressOf(1), 'dk', ' * factor', fours)}
    ${store(addressOf(2), 'dv', '', fours)}
  }
}`,
} as const
