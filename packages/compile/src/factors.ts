/** Lengths of axes as products of others. */

/** Cuts `fine` into runs whose products are the entries of `coarse`. */
export function partition(coarse: readonly number[], fine: readonly number[]): number[][] | undefined {
  const runs: number[][] = []
  let next = 0
  for (const length of coarse) {
    const run: number[] = []
    let product = 1
    while (product < length && next < fine.length) {
      const part = fine[next++] as number
      run.push(part)
      product *= part
    }
    if (product !== length) return undefined
    runs.push(run)
  }
  return next === fine.length ? runs : undefined
}

/** The coarsest lengths that both lists can be cut into; undefined where one's borders cross the other's. */
export function commonFactors(a: readonly number[], b: readonly number[]): number[] | undefined {
  const factors: number[] = []
  const [left, right] = [[...a], [...b]]
  while (left.length > 0 && right.length > 0) {
    const [x, y] = [left[0] as number, right[0] as number]
    const part = Math.min(x, y)
    if (x % part !== 0 || y % part !== 0) return undefined
    factors.push(part)
    for (const [list, length] of [
      [left, x],
      [right, y],
    ] as const) {
      if (length === part) list.shift()
      else list[0] = length / part
    }
  }
  return left.length === 0 && right.length === 0 ? factors : undefined
}
