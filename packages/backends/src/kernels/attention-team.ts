/**
 * How attention's rows are divided among the threads of a graphics card. A team of neighbouring threads owns a few rows;
 * of each row a thread has every `lanes`-th vector of four numbers in its registers. More lanes make more threads of the
 * same rows, with fewer registers each; more rows use what is read from the workgroup's memory more often.
 */

export interface Team {
  /** Threads of a team: a power of two. */
  readonly lanes: number
  /** Rows that they own together. */
  readonly rows: number
  /** Threads of a workgroup: a multiple of `lanes`. */
  readonly threads: number
  /** Most rows of a tile: fewer where the workgroup's memory does not hold as many. */
  readonly tile: number
}

/** Rows of a workgroup. */
export const rowsOfGroup = ({ lanes, rows, threads }: Team) => (threads / lanes) * rows

/** The team for heads of a width. On an NVIDIA H200 others took as long or longer, for 49 to 1024 rows. */
export function teamFor(width: number): Team {
  const lanes = width < 16 ? 1 : width < 32 ? 2 : width <= 64 ? 4 : 8
  return { lanes, rows: 1, threads: 64, tile: 16 }
}
