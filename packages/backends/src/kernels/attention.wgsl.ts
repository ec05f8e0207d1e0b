/**
 * The programs of attention in WGSL. A workgroup goes over the rows of a head tile by tile, each of which it holds in its
 * own memory. For each tile
 *
 * 1. a thread multiplies its part of its team's rows with those of the tile: scores of which each lane has a summand,
 * 2. the lanes of a team add up the summands, each of other rows of the tile, and make weights of the scores,
 * 3. a thread adds the rows of the tile, times their weights, to its part of its team's results.
 *
 * Summands and weights go from one thread to another through the workgroup's memory. Scores of `bundle` neighbouring rows
 * of the tile lie in one vector. Variables that are declared in loops get their zeros explicitly: without that they
 * kept what they had in the round before, by Dawn on SwiftShader.
 */
import { HeadWidthError } from '../errors.ts'
import { rowsOfGroup, type Team } from './attention-team.ts'
import type { Precision } from './webgpu-backend.ts'

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
  readonly team: Team
}

/**
 * The code. Where {@link inFours}, qkv, dy and the result of heads are arrays of four numbers each.
 *
 * @throws HeadWidthError
 */
export function attentionCode(program: AttentionProgram, heads: Heads): string {
  const layout = layoutOf(program, heads)
  return commonCode(heads, layout) + codes[program](layout)
}

/** @throws HeadWidthError where a program can't be written for these heads. */
export function requireFit(programs: readonly AttentionProgram[], heads: Heads): void {
  for (const program of programs) layoutOf(program, heads)
}

/** Whether rows begin and end at multiples of four numbers, and are read and written four at a time. */
export const inFours = ({ width }: Pick<Heads, 'width'>) => width % 4 === 0

/** Scores that a program has of two rows, and weights that it makes of them. */
const counts = {
  forward: { scores: 1, weights: 1 },
  rows: { scores: 2, weights: 0 },
  queries: { scores: 2, weights: 1 },
  keys: { scores: 2, weights: 2 },
} as const

interface Layout extends Team {
  readonly fours: boolean
  readonly vectors: number
  /** Vectors of a thread. */
  readonly own: number
  /** Rows of the tile whose scores lie in one vector. */
  readonly bundle: 1 | 2 | 4
  /** Vectors of scores that a tile has of one row. */
  readonly bundles: number
  readonly scores: number
  readonly weights: number
}

function layoutOf(program: AttentionProgram, { width, precision, team }: Heads): Layout {
  const vectors = Math.ceil(width / 4)
  const own = Math.ceil(vectors / team.lanes)
  const { scores, weights } = counts[program]
  const bytesOfRow =
    2 * own * team.lanes * (precision === 'float16' ? 8 : 16) +
    4 * (scores * team.threads * team.rows + weights * rowsOfGroup(team)) +
    // `known`
    (program === 'keys' ? 8 : 0)
  // `ended`
  const bytes = workgroupBytes - (program === 'rows' ? 16 * team.threads * team.rows : 0)
  const tile = Math.min(team.tile, Math.floor(bytes / bytesOfRow))
  if (tile < 1) throw new HeadWidthError({ width })
  const bundle = tile >= 4 ? 4 : tile >= 2 ? 2 : 1
  const bundles = Math.floor(tile / bundle)
  return { ...team, fours: inFours({ width }), vectors, own, bundle, bundles, scores, weights }
}

/** Code for each of 0 … count − 1, one after another: arrays at constant places stay in registers. */
const each = (count: number, code: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => code(i)).join('')

/** Where rows lie and how they are read, four numbers at a time with zeros behind the last. */
function commonCode({ width, order, precision }: Heads, layout: Layout): string {
  const { lanes, rows, threads, vectors, own, bundle, bundles, scores, weights } = layout
  const half = precision === 'float16'
  const offset =
    order === 'legacy'
      ? `(3 * head + part) * ${width}`
      : `part * (uniforms.qkvShape[2] / 3) + head * ${width}`
  const vector = (type: string) => (bundle === 1 ? type : `vec${bundle}<${type}>`)
  return `${half ? 'enable f16;' : ''}
const width = ${width};
const lanes = ${lanes};
const vectors = ${vectors};
// zeros follow the last, so that each lane has as many
const own = ${own};
const padded = own * lanes;
const teams = ${threads / lanes};
const tile = ${bundle * bundles};
const bundles = ${bundles};
const factor = ${1 / Math.sqrt(width)};
const lowest = -3.0e38;

alias Four = vec4<${half ? 'f16' : 'f32'}>;
// what a thread has of its team's rows: factors are multiplied with other rows
alias Factors = array<Four, ${rows * own}>;
alias Rows = array<vec4<f32>, ${rows * own}>;
alias OfEachRow = array<f32, ${rows}>;
alias Bundle = ${vector('f32')};
alias Indices = ${vector('i32')};

// rows by bundle and place in it, four numbers by their turn and lane
alias Tile = array<array<array<array<Four, lanes>, own>, ${bundle}>, bundles>;
// by bundle and by the team's row
alias OfThreads = array<array<array<Bundle, ${threads}>, ${rows}>, bundles>;
alias OfTeams = array<array<array<Bundle, teams>, ${rows}>, bundles>;

/*
 * Places that are constant, or a loop's, need no check in the innermost code: so all arrays have an axis for each.
 */
var<workgroup> first : Tile;
var<workgroup> second : Tile;
${each(scores, (i) => `var<workgroup> summands${i} : OfThreads;\n`)}\
${each(weights, (i) => `var<workgroup> weights${i} : OfTeams;\n`)}
struct Place { sample : i32, head : i32, t : i32, real : bool, lane : i32, team : i32 };

/*
 * A head lies in workgroups of its own, so its sample and head are those of all threads. t is the first of the team's
 * rows, the others follow at a distance of \`teams\`.
 */
fn placeOf(index : i32) -> Place {
  let parts = (uniforms.qkvShape[1] + ${rowsOfGroup(layout) - 1}) / ${rowsOfGroup(layout)};
  let group = index / ${threads};
  let pair = group / parts;
  let lane = i32(localIndex) % lanes;
  let team = i32(localIndex) / lanes;
  return Place(
    min(pair / uniforms.heads, uniforms.qkvShape[0] - 1),
    pair % uniforms.heads,
    (group % parts) * ${rowsOfGroup(layout)} + team,
    pair < uniforms.qkvShape[0] * uniforms.heads,
    lane,
    team,
  );
}

// threads behind the last row work on it too
fn rowAt(place : Place, row : i32) -> i32 { return min(place.t + row * teams, uniforms.qkvShape[1] - 1); }

fn isReal(place : Place, row : i32) -> bool { return place.real && place.t + row * teams < uniforms.qkvShape[1]; }

// part 0: queries, 1: keys, 2: values
fn addressOf(sample : i32, head : i32, t : i32, part : i32) -> i32 {
  return (sample * uniforms.qkvShape[1] + t) * uniforms.qkvShape[2] + ${offset};
}

// rows of a bundle that are behind the last have no weight
fn masked(scores : Bundle, base : i32) -> Bundle {
  let t = Indices(base) + Indices(${bundle === 1 ? '0' : [0, 1, 2, 3].slice(0, bundle).join(', ')});
  return select(Bundle(lowest), scores, t < Indices(uniforms.qkvShape[1]));
}

fn largestOf(scores : Bundle) -> f32 { return ${largest[bundle]}; }

fn sumOf(scores : Bundle) -> f32 { return ${bundle === 1 ? 'scores' : 'dot(scores, Bundle(1.0))'}; }

${vectorCode('qkv', layout)}
`
}

const largest = {
  1: 'scores',
  2: 'max(scores.x, scores.y)',
  4: 'max(max(scores.x, scores.y), max(scores.z, scores.w))',
} as const

/** Four numbers of a row that begins somewhere, with zeros behind the last. */
const vectorCode = (name: string, { fours, vectors, own, lanes }: Layout) =>
  fours
    ? `
fn ${name}Vector(start : i32, i : i32) -> vec4<f32> {
  ${own * lanes > vectors ? 'if (i >= vectors) { return vec4<f32>(0.0); }' : ''}
  return ${name}[start / 4 + i];
}`
    : `
fn ${name}Vector(start : i32, i : i32) -> vec4<f32> {
  var four = vec4<f32>(0.0);
  for (var j = 0; j < 4; j++) {
    if (4 * i + j < width) { four[j] = ${name}[start + 4 * i + j]; }
  }
  return four;
}`

/** Reads what a thread has of its team's rows. `vector` is code for one of four numbers, of row `t` and at `i`. */
const load = ({ rows, own }: Layout, name: string, vector: string) =>
  `\n  var ${name} : Factors;${each(
    rows,
    (row) => `
  {
    let t = rowAt(place, ${row});${each(
      own,
      (i) => `
    {
      let i = ${i} * lanes + place.lane;
      ${name}[${row * own + i}] = Four(${vector});
    }`,
    )}
  }`,
  )}`

/** Writes a thread's part of its team's rows to the result. `address` is code for where row `t` begins there. */
const store = (
  { rows, own, fours }: Layout,
  name: string,
  address: string,
  change: (row: number) => string,
) =>
  each(
    rows,
    (row) => `
  if (isReal(place, ${row})) {
    let t = rowAt(place, ${row});
    let start = ${address};${each(
      own,
      (i) => `
    {
      let i = ${i} * lanes + place.lane;
      let four = ${name}[${row * own + i}]${change(row)};
      ${
        fours
          ? 'if (i < vectors) { result[start / 4 + i] = four; }'
          : 'for (var j = 0; j < min(4, width - 4 * i); j++) { result[start + 4 * i + j] = four[j]; }'
      }
    }`,
    )}
  }`,
  )

interface Steps {
  /** Where a tile is loaded: code for a vector of `first` and of `second`, of row `t` of the sample's head and at `i`. */
  readonly tile: readonly [string, string]
  /** Code that is run while the tile is loaded. */
  readonly also?: string
  /** Factors whose scores with `first` are the summands 0, and those with `second` the summands 1. */
  readonly factors: readonly string[]
  /** Code that makes something of scores of a team's row, `score0` and `score1`, with the bundle b of rows of the tile. */
  readonly weigh: (row: number) => string
  /** Code that uses weights, if there are any. */
  readonly use?: string
}

/** Goes over the rows of a sample's head. */
function overTiles(layout: Layout, { tile, also, factors, weigh, use }: Steps): string {
  const { threads, rows, bundle } = layout
  return `
  for (var start = 0; start < uniforms.qkvShape[1]; start += tile) {
    workgroupBarrier();
    for (var at = i32(localIndex); at < tile * padded; at += ${threads}) {
      let row = at / padded;
      let t = start + row;
      let i = at % padded;
      var one = vec4<f32>(0.0);
      var other = vec4<f32>(0.0);
      if (t < uniforms.qkvShape[1]) {
        one = ${tile[0]};
        other = ${tile[1]};
      }
      first[row / ${bundle}][row % ${bundle}][i / lanes][i % lanes] = Four(one);
      second[row / ${bundle}][row % ${bundle}][i / lanes][i % lanes] = Four(other);
    }
    ${also ?? ''}
    workgroupBarrier();
    for (var b = 0; b < bundles; b++) {${each(factors.length, (i) => multiply(layout, factors[i] as string, i))}
    }
    workgroupBarrier();
    for (var b = place.lane; b < bundles; b += lanes) {${each(
      rows,
      (row) => `
      {${each(factors.length, (i) => addUp(layout, row, i))}
        ${weigh(row)}
      }`,
    )}
    }${use ? `\n    workgroupBarrier();\n    ${use}` : ''}
  }`
}

const tiles = ['first', 'second'] as const

/** One of a bundle's numbers. */
const component = ({ bundle }: Layout, name: string, i: number) =>
  bundle === 1 ? name : `${name}.${'xyzw'[i]}`

/** What a thread has of the scores of its team's rows with a bundle of rows of the tile. */
const multiply = (layout: Layout, name: string, score: number) => {
  const { rows, own, bundle } = layout
  return `
      {${each(rows, (row) => `\n        var sum${row} = Bundle(0.0);`)}
${each(
  bundle * own,
  (j) => `
        {
          let four = ${tiles[score]}[b][${Math.floor(j / own)}][${j % own}][place.lane];${each(
            rows,
            (row) => `
          ${component(layout, `sum${row}`, Math.floor(j / own))} += f32(dot(${name}[${row * own + (j % own)}], four));`,
          )}
        }`,
)}${each(
  rows,
  (row) => `
        summands${score}[b][${row}][localIndex] = sum${row};`,
)}
      }`
}

/** The scores of one of a team's rows. Lanes begin at different summands, which lie in different banks of the memory. */
const addUp = ({ lanes }: Layout, row: number, score: number) => {
  const summand = (j: number) =>
    `summands${score}[b][${row}][place.team * lanes + ((place.lane + ${j}) & (lanes - 1))]`
  return `
        let score${score} = ${Array.from({ length: lanes }, (_, j) => summand(j)).join(' + ')};`
}

/** Adds rows of the tile to results, by their weights: `[results, tile, weights]`. */
const accumulate = (layout: Layout, sums: readonly (readonly [string, 0 | 1, string])[]) => {
  const { rows, own, bundle } = layout
  return each(sums.length, (k) => {
    const [name, tile, weight] = sums[k] as (typeof sums)[number]
    return `${each(
      bundle * own,
      (j) => `
        {
          let four = vec4<f32>(${tiles[tile]}[b][${Math.floor(j / own)}][${j % own}][place.lane]);${each(
            rows,
            (row) => `
          ${name}[${row * own + (j % own)}] += ${component(layout, `${weight}${row}`, Math.floor(j / own))} * four;`,
          )}
        }`,
    )}`
  })
}

const bundleOf = (weights: number, row: number) => `weights${weights}[b][${row}][place.team]`

const keysAndValues = [
  'qkvVector(addressOf(place.sample, place.head, t, 1), i)',
  'qkvVector(addressOf(place.sample, place.head, t, 2), i)',
] as const

/** A row of dy `[B, T, C]`, where heads lie side by side. */
const gradientCode = (layout: Layout) => `${vectorCode('dy', layout)}

fn dyAddress(sample : i32, head : i32, t : i32) -> i32 {
  return (sample * uniforms.dyShape[1] + t) * uniforms.dyShape[2] + head * width;
}

// the place of a row's two numbers: the logarithm of its sum of exponentials, and Σ w dw
fn numbersAt(sample : i32, head : i32, t : i32) -> i32 {
  return 2 * ((sample * uniforms.heads + head) * uniforms.qkvShape[1] + t);
}
`

/** Where row `t` of queries (0), keys (1) or values (2) begins. */
const addressOf = (part: number) => `addressOf(place.sample, place.head, t, ${part})`

const loadRow = (layout: Layout, name: string, part: number, factor = '') =>
  load(layout, name, `${factor}qkvVector(${addressOf(part)}, i)`)

const loadIncoming = (layout: Layout) =>
  load(layout, 'incoming', 'dyVector(dyAddress(place.sample, place.head, t), i)')

/** One of the two numbers of each of the team's rows. */
const numbersOfRows = ({ rows }: Layout, name: string, which: 0 | 1) =>
  `\n  var ${name} : OfEachRow;${each(
    rows,
    (row) => `
  ${name}[${row}] = rows[numbersAt(place.sample, place.head, rowAt(place, ${row})) + ${which}];`,
  )}`

const codes = {
  forward: (layout: Layout) => `
fn main(index : i32) {
  let place = placeOf(index);${loadRow(layout, 'q', 0, 'factor * ')}
  var top = OfEachRow(${each(layout.rows, () => 'lowest, ')});
  var sum : OfEachRow;
  var y : Rows;
  ${overTiles(layout, {
    tile: keysAndValues,
    factors: ['q'],
    weigh: (row) => `${bundleOf(0, row)} = masked(score0, start + b * ${layout.bundle});`,
    use: `${each(
      layout.rows,
      (row) => `
    {
      var higher = top[${row}];
      for (var b = 0; b < bundles; b++) { higher = max(higher, largestOf(${bundleOf(0, row)})); }
      let kept = exp(top[${row}] - higher);
      top[${row}] = higher;
      sum[${row}] *= kept;${each(layout.own, (i) => `\n      y[${row * layout.own + i}] *= kept;`)}
    }`,
    )}
    for (var b = 0; b < bundles; b++) {${each(
      layout.rows,
      (row) => `
        let weight${row} = exp(${bundleOf(0, row)} - top[${row}]);
        sum[${row}] += sumOf(weight${row});`,
    )}${accumulate(layout, [['y', 1, 'weight']])}
    }`,
  })}
  ${store(layout, 'y', '(place.sample * uniforms.outShape[1] + t) * uniforms.outShape[2] + place.head * width', (row) => ` / sum[${row}]`)}
}`,

  /** Each lane for the rows of tiles whose scores it adds up; then the lanes of a team together. */
  rows: (layout: Layout) => `${gradientCode(layout)}
// maximum, sum and weighted sum
var<workgroup> ended : array<vec3<f32>, ${layout.rows * layout.threads}>;

fn main(index : i32) {
  let place = placeOf(index);${loadRow(layout, 'q', 0, 'factor * ')}${loadIncoming(layout)}
  var top = OfEachRow(${each(layout.rows, () => 'lowest, ')});
  var sum : OfEachRow;
  var weighted : OfEachRow;
  ${overTiles(layout, {
    tile: keysAndValues,
    factors: ['q', 'incoming'],
    weigh: (row) => `
        let score = masked(score0, start + b * ${layout.bundle});
        let higher = max(top[${row}], largestOf(score));
        let kept = exp(top[${row}] - higher);
        let weight = exp(score - higher);
        top[${row}] = higher;
        sum[${row}] = sum[${row}] * kept + sumOf(weight);
        weighted[${row}] = weighted[${row}] * kept + sumOf(weight * score1);`,
  })}${each(
    layout.rows,
    (row) => `
  ended[${row * layout.threads} + i32(localIndex)] = vec3<f32>(top[${row}], sum[${row}], weighted[${row}]);`,
  )}
  workgroupBarrier();${each(
    layout.rows,
    (row) => `
  if (place.lane == 0 && isReal(place, ${row})) {
    let base = ${row * layout.threads} + place.team * lanes;
    var higher = lowest;
    for (var lane = 0; lane < lanes; lane++) { higher = max(higher, ended[base + lane].x); }
    var sums = vec2<f32>(0.0);
    for (var lane = 0; lane < lanes; lane++) { sums += ended[base + lane].yz * exp(ended[base + lane].x - higher); }
    let at = numbersAt(place.sample, place.head, rowAt(place, ${row}));
    result[at] = higher + log(sums.x);
    result[at + 1] = sums.y / sums.x;
  }`,
  )}
}`,

  /** dq = Σ ds k / √d with ds = w (dw − Σ w dw), dw = dy · v. */
  queries: (layout: Layout) => `${gradientCode(layout)}
fn main(index : i32) {
  let place = placeOf(index);${loadRow(layout, 'q', 0, 'factor * ')}${loadIncoming(layout)}
  ${numbersOfRows(layout, 'logSum', 0)}${numbersOfRows(layout, 'mean', 1)}
  var dq : Rows;
  ${overTiles(layout, {
    tile: keysAndValues,
    factors: ['q', 'incoming'],
    weigh: (row) => `
        let weight = exp(masked(score0, start + b * ${layout.bundle}) - logSum[${row}]);
        ${bundleOf(0, row)} = weight * (score1 - mean[${row}]);`,
    use: `
    for (var b = 0; b < bundles; b++) {${each(
      layout.rows,
      (row) => `
        let slope${row} = ${bundleOf(0, row)};`,
    )}${accumulate(layout, [['dq', 0, 'slope']])}
    }`,
  })}
  ${store(layout, 'dq', addressOf(0), () => ' * factor')}
}`,

  /** dk = Σ ds q / √d and dv = Σ w dy over the queries. */
  keys: (layout: Layout) => `${gradientCode(layout)}
// the two numbers of the tile's rows
var<workgroup> known : array<vec2<f32>, tile>;

fn main(index : i32) {
  let place = placeOf(index);${loadRow(layout, 'k', 1)}${loadRow(layout, 'v', 2)}
  var dk : Rows;
  var dv : Rows;
  ${overTiles(layout, {
    tile: [`factor * qkvVector(${addressOf(0)}, i)`, 'dyVector(dyAddress(place.sample, place.head, t), i)'],
    also: `for (var at = i32(localIndex); at < tile; at += ${layout.threads}) {
      let own = numbersAt(place.sample, place.head, min(start + at, uniforms.qkvShape[1] - 1));
      known[at] = vec2<f32>(rows[own], rows[own + 1]);
    }`,
    factors: ['k', 'v'],
    weigh: (row) => `
        let logSum = Bundle(${each(layout.bundle, (i) => `known[b * ${layout.bundle} + ${i}].x, `)});
        let mean = Bundle(${each(layout.bundle, (i) => `known[b * ${layout.bundle} + ${i}].y, `)});
        let weight = exp(masked(score0, start + b * ${layout.bundle}) - logSum);
        ${bundleOf(0, row)} = weight * (score1 - mean);
        ${bundleOf(1, row)} = weight;`,
    use: `
    for (var b = 0; b < bundles; b++) {${each(
      layout.rows,
      (row) => `
        let slope${row} = ${bundleOf(0, row)};
        let weight${row} = ${bundleOf(1, row)};`,
    )}${accumulate(layout, [
      ['dk', 0, 'slope'],
      ['dv', 1, 'weight'],
    ])}
    }`,
  })}
  ${store(layout, 'dk', addressOf(1), () => '')}
  ${store(layout, 'dv', addressOf(2), () => '')}
}`,
} as const
