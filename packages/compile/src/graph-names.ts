import type { Graph } from './graph.ts'

/** Makes names that a graph does not have yet: the one that is asked for, or that with a number. */
export function nameMaker({ inputs, nodes, initializers }: Graph): (wanted: string) => string {
  const names = new Set([...inputs, ...initializers.map(({ value }) => value)].map(({ name }) => name))
  for (const { outputs } of nodes) for (const { name } of outputs) names.add(name)
  return (wanted) => {
    let name = wanted
    for (let count = 1; names.has(name); count++) name = `${wanted}_${count}`
    names.add(name)
    return name
  }
}
