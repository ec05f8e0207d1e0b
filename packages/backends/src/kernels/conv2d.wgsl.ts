/**
 * The programs of convolutions in WGSL. Each is a product of matrices, neither of which exists in memory:
 *
 *   result[row, column] = Σ_k left[row, k] · right[k, column]
 *
 * | program | row | k | column |
 * | --- | --- | --- | --- |
 * | forward | pixel of y | tap, channel of x | channel of y |
 * | gradient of the input | pixel of x | tap, channel of dy | channel of x |
 * | gradient of the filter | tap, channel of x | pixel of dy | channel of dy |
 *
 * With a stride s the gradient of the input is s × s programs. Pixels of x with the same (y + top) mod s and (x + left) mod s
 * are seen through the same taps, every s-th row and column of the filter; each such set is one program.
 *
 * A workgroup computes a tile of the result and holds `chunk` columns of left and rows of right at a time in its own
 * memory; a thread has some rows and columns of the tile in registers. Channels that stand beside a tap are counted up to
 * the next multiple of four, so that four of them never belong to two taps.
 */

import type { Precision } from './webgpu-backend.ts'

export type Convolving = 'forward' | 'input' | 'filter'

/** Part of the result that a workgroup computes: `threads` = rows / rowsEach · columns / (4 foursEach). */
export interface Tile {
  readonly rows: number
  readonly columns: number
  /** Rows of a thread. */
  readonly rowsEach: number
  /** Times four columns of a thread. */
  readonly foursEach: number
}

export const threads = 64
/** Of k, at a time. */
export const chunk = 16

export interface Convolution {
  readonly of: Convolving
  readonly tile: Tile
  /** Which arrays have rows of a multiple of four numbers, and are read and written four at a time. */
  readonly fours: readonly string[]
  readonly bias: boolean
  /**
   * `float16`: numbers are rounded to it in the workgroup's memory, and multiplied and summed in it `chunk` at a time; the
   * sums of chunks are float32.
   */
  readonly precision: Precision
}

/** The code. Equal descriptions have equal code. */
export function convolutionCode(convolution: Convolution): string {
  const { of, tile, fours, bias, precision } = convolution
  const [left, right] = of === 'filter' ? ['source', 'dy'] : ['source', 'weights']
  return `${precision === 'float16' ? 'enable f16;' : ''}
alias Number = ${precision === 'float16' ? 'f16' : 'f32'};
alias Four = vec4<Number>;
var<workgroup> leftTile : array<Four, ${(tile.rows * chunk) / 4}>;
var<workgroup> rightTile : array<Four, ${(tile.columns * chunk) / 4}>;
${readFour(left, fours.includes(left))}
${readFour(right, fours.includes(right))}
${tapCode}
${sides[of]}
${storeCode(of, fours.includes('result'), bias)}
${mainCode(convolution)}`
}

/** Four numbers from a place, of which at least one is real and the others 0. */
const readFour = (name: string, inFours: boolean) =>
  inFours
    ? `fn ${name}Four(at : i32, real : i32) -> vec4<f32> { return ${name}[at / 4]; }`
    : `fn ${name}Four(at : i32, real : i32) -> vec4<f32> {
  let four = vec4<f32>(${name}[at], ${name}[at + 1], ${name}[at + 2], ${name}[at + 3]);
  return select(vec4<f32>(0.0), four, vec4<i32>(0, 1, 2, 3) < vec4<i32>(real));
}`

/** A row of pixels that no image has. */
const nowhere = 1 << 20

/** Taps and channels beside them, of the rows of left or right. */
const tapCode = `
struct Tap { number : i32, y : i32, x : i32, channel : i32 };

fn paddedChannels() -> i32 { return 4 * ((uniforms.channels + 3) / 4); }

fn tapOf(place : i32) -> Tap {
  let number = place / paddedChannels();
  let y = number / uniforms.filterWidth;
  return Tap(
    number,
    // behind the last tap there is no pixel
    select(y, ${nowhere}, number >= uniforms.taps),
    number - y * uniforms.filterWidth,
    place - number * paddedChannels(),
  );
}`

/** Pixels as rows: what a tap of the filter sees of them, in a source that is padded with zeros. */
const pixelRows = `
// where the first tap of four pixels falls, and the number of each one's image's first pixel
alias Rows = array<vec3<i32>, 4>;

fn rowsFrom(first : i32) -> Rows {
  var rows : Rows;
  for (var i = 0; i < 4; i++) {
    let row = first + i;
    let image = row / (uniforms.outHeight * uniforms.outWidth);
    let pixel = row - image * uniforms.outHeight * uniforms.outWidth;
    let y = pixel / uniforms.outWidth;
    let x = pixel - y * uniforms.outWidth;
    rows[i] = vec3<i32>(
      select(-${nowhere}, y * uniforms.strideY - uniforms.top, row < uniforms.rows),
      x * uniforms.strideX - uniforms.left,
      image * uniforms.height * uniforms.width,
    );
  }
  return rows;
}

fn leftBlock(rows : Rows, k : i32) -> mat4x4<f32> {
  let tap = tapOf(k);
  let channels = uniforms.channels;
  var block : mat4x4<f32>;
  for (var i = 0; i < 4; i++) {
    let y = rows[i].x + tap.y;
    let x = rows[i].y + tap.x;
    if (y >= 0 && y < uniforms.height && x >= 0 && x < uniforms.width) {
      let at = (rows[i].z + y * uniforms.width + x) * channels + tap.channel;
      block[i] = sourceFour(at, channels - tap.channel);
    }
  }
  return block;
}`

/** A block is four rows of left, or four rows of right, with four numbers of each. */
const sides: Record<Convolving, string> = {
  forward: `${pixelRows}
fn rightBlock(k : i32, column : i32) -> mat4x4<f32> {
  let tap = tapOf(k);
  let channels = uniforms.channels;
  let columns = uniforms.columns;
  var block : mat4x4<f32>;
  if (tap.number < uniforms.taps && column < columns) {
    for (var i = 0; i < 4; i++) {
      let at = (tap.number * channels + tap.channel + i) * columns + column;
      if (tap.channel + i < channels) { block[i] = weightsFour(at, columns - column); }
    }
  }
  return block;
}`,

  // the filter turned by 180°, every s-th row and column of it, its channels swapped
  input: `${pixelRows}
fn rightBlock(k : i32, column : i32) -> mat4x4<f32> {
  let tap = tapOf(k);
  let columns = uniforms.columns;
  let channels = uniforms.channels;
  let y = uniforms.lastTapY - uniforms.stepY * tap.y;
  let number = y * uniforms.wholeFilterWidth + uniforms.lastTapX - uniforms.stepX * tap.x;
  var block : mat4x4<f32>;
  if (tap.number < uniforms.taps) {
    for (var i = 0; i < 4; i++) {
      let row = number * columns + column + i;
      if (column + i < columns) { block[i] = weightsFour(row * channels + tap.channel, channels - tap.channel); }
    }
  }
  return transpose(block);
}`,

  filter: `
// four channels beside one tap
alias Rows = Tap;

fn rowsFrom(first : i32) -> Rows { return tapOf(first); }

fn leftBlock(rows : Rows, k : i32) -> mat4x4<f32> {
  let height = uniforms.height;
  let width = uniforms.width;
  let channels = uniforms.channels;
  var image = k / (uniforms.outHeight * uniforms.outWidth);
  let pixel = k - image * uniforms.outHeight * uniforms.outWidth;
  var row = pixel / uniforms.outWidth;
  var column = pixel - row * uniforms.outWidth;
  var block : mat4x4<f32>;
  for (var i = 0; i < 4; i++) {
    let y = row * uniforms.strideY - uniforms.top + rows.y;
    let x = column * uniforms.strideX - uniforms.left + rows.x;
    if (image < uniforms.images && y >= 0 && y < height && x >= 0 && x < width) {
      let at = ((image * height + y) * width + x) * channels + rows.channel;
      block[i] = sourceFour(at, channels - rows.channel);
    }
    column += 1;
    if (column == uniforms.outWidth) { column = 0; row += 1; }
    if (row == uniforms.outHeight) { row = 0; image += 1; }
  }
  return transpose(block);
}

fn rightBlock(k : i32, column : i32) -> mat4x4<f32> {
  let columns = uniforms.columns;
  let pixels = uniforms.images * uniforms.outHeight * uniforms.outWidth;
  var block : mat4x4<f32>;
  if (column < columns) {
    for (var i = 0; i < 4; i++) {
      if (k + i < pixels) { block[i] = dyFour((k + i) * columns + column, columns - column); }
    }
  }
  return block;
}`,
}

/** Where a row of the result lies, and whether it exists. */
const resultRows: Record<Convolving, string> = {
  forward: 'let rows = uniforms.rows; let place = row; let real = true;',
  input: `let image = row / (uniforms.outHeight * uniforms.outWidth);
    let pixel = row - image * uniforms.outHeight * uniforms.outWidth;
    let i = pixel / uniforms.outWidth;
    let y = image * uniforms.wholeHeight + uniforms.firstY + uniforms.stepY * i;
    let x = uniforms.firstX + uniforms.stepX * (pixel - i * uniforms.outWidth);
    let rows = uniforms.images * uniforms.wholeHeight * uniforms.wholeWidth;
    let place = y * uniforms.wholeWidth + x;
    let real = true;`,
  filter: `let channels = uniforms.channels;
    let tap = tapOf(row);
    let rows = uniforms.taps * channels;
    let place = tap.number * channels + tap.channel;
    let real = tap.channel < channels;`,
}

const storeCode = (of: Convolving, inFours: boolean, bias: boolean) => `
fn store(part : i32, row : i32, column : i32, sum : vec4<f32>) {
  let columns = uniforms.columns;
  if (part < uniforms.parts && row < uniforms.rows && column < columns) {
    ${resultRows[of]}
    if (real) {
      let at = (part * rows + place) * columns + column;
      ${
        inFours
          ? `result[at / 4] = sum${bias ? ' + select(vec4<f32>(0.0), bias[column / 4], part == 0)' : ''};`
          : `for (var i = 0; i < min(4, columns - column); i++) {
        result[at + i] = sum[i]${bias ? ' + select(0.0, bias[column + i], part == 0)' : ''};
      }`
      }
    }
  }
}`

/** `each` for the blocks of four rows or columns of a tile, which threads take in turn. */
const eachBlock = (count: number, each: string) =>
  `for (var block = local; block < ${count}; block += ${threads}) {${each}
    }`

function mainCode({ of, tile, precision }: Convolution): string {
  const { rows, columns, rowsEach, foursEach } = tile
  const perRow = columns / 4
  const [across, down] = [perRow / foursEach, rows / rowsEach]
  // neighbouring threads read what lies side by side
  const [row, column] =
    of === 'input' ? ['block % 4', 'block / 4'] : [`block / ${perRow}`, `block % ${perRow}`]
  const passes = Math.ceil(rows / threads)
  const sums = precision === 'float16' ? 'halves' : 'sums'
  return `
fn main(index : i32) {
  let local = i32(localIndex);
  let group = index / ${threads};
  let columnTiles = (uniforms.columns + ${columns - 1}) / ${columns};
  let rowTiles = (uniforms.rows + ${rows - 1}) / ${rows};
  let part = group / (rowTiles * columnTiles);
  let firstRow = (group / columnTiles) % rowTiles * ${rows};
  let firstColumn = group % columnTiles * ${columns};
  var blocks : array<Rows, ${passes}>;
  for (var i = 0; i < ${passes}; i++) { blocks[i] = rowsFrom(firstRow + 4 * ((local + i * ${threads}) / 4)); }
  let across = local % ${across};
  let down = local / ${across};
  var sums : array<vec4<f32>, ${rowsEach * foursEach}>;
  for (var i = 0; i < uniforms.chunks; i++) {
    let k = (part * uniforms.chunks + i) * ${chunk};
    ${eachBlock(
      rows,
      `
      let left = leftBlock(blocks[block / ${threads}], k + 4 * (block % 4));
      let at = 4 * block - 3 * (block % 4);
      for (var r = 0; r < 4; r++) { leftTile[at + 4 * r] = Four(left[r]); }`,
    )}
    ${eachBlock(
      columns,
      `
      let row = 4 * (${row});
      let column = ${column};
      let right = rightBlock(k + row, firstColumn + 4 * column);
      for (var r = 0; r < 4; r++) { rightTile[(row + r) * ${perRow} + column] = Four(right[r]); }`,
    )}
    workgroupBarrier();
    ${precision === 'float16' ? `var halves = array<Four, ${rowsEach * foursEach}>();` : ''}
    for (var q = 0; q < ${chunk / 4}; q++) {
      var right : array<Four, ${4 * foursEach}>;
      for (var j = 0; j < ${4 * foursEach}; j++) {
        right[j] = rightTile[(4 * q + j % 4) * ${perRow} + across + j / 4 * ${across}];
      }
      for (var r = 0; r < ${rowsEach}; r++) {
        let left = leftTile[(down + r * ${down}) * 4 + q];
        for (var v = 0; v < ${foursEach}; v++) {
          var sum = ${sums}[r * ${foursEach} + v];
          sum += left.x * right[4 * v];
          sum += left.y * right[4 * v + 1];
          sum += left.z * right[4 * v + 2];
          sum += left.w * right[4 * v + 3];
          ${sums}[r * ${foursEach} + v] = sum;
        }
      }
    }
    ${
      precision === 'float16'
        ? `for (var s = 0; s < ${rowsEach * foursEach}; s++) { sums[s] += vec4<f32>(halves[s]); }`
        : ''
    }
    workgroupBarrier();
  }
  for (var r = 0; r < ${rowsEach}; r++) {
    for (var v = 0; v < ${foursEach}; v++) {
      let column = firstColumn + 4 * (across + v * ${across});
      store(part, firstRow + down + r * ${down}, column, sums[r * ${foursEach} + v]);
    }
  }
}`
}

/** The sum of `count` parts, of `size` numbers each: a thread for each sum. */
export const partSumCode = `
fn main(index : i32) {
  if (index < uniforms.size) {
    var sum = 0.0;
    for (var part = 0; part < uniforms.count; part++) { sum += parts[part * uniforms.size + index]; }
    result[index] = sum;
  }
}`
