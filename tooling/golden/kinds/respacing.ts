import { keepSteps, respace } from '@guided-diffusion/schedules'
import type { Kind, Values } from '../kind.ts'
import { namedSchedule } from './schedule.ts'

interface Respacing {
  readonly T: number
  readonly spec: string
  readonly steps?: readonly number[]
  readonly error?: boolean
}

/** Which steps a respacing keeps, where it is impossible, and the β of what is left. */
export const respacing: Kind = {
  name: 'respacing',
  matches: ({ case: facts }) => Array.isArray(facts.cases),
  isInput: () => false,
  tolerance: 1e-12,
  compute: ({ case: facts, tensors }) => {
    const faults = (facts.cases as Respacing[]).flatMap((wanted) => fault(wanted) ?? [])
    const made: Record<string, Values> = {}
    for (const key of tensors.keys()) {
      const [, what, kind, T, spec] = /^(betas|timestep_map)_(linear|cosine)(\d+)_(.+)$/.exec(key) ?? []
      if (!spec) continue
      const fast = respace(namedSchedule(kind, T), spec)
      made[key] = what === 'betas' ? fast.betas : [...fast.timesteps]
    }
    return { tensors: made, faults }
  },
}

function fault({ T, spec, steps, error }: Respacing): string | undefined {
  let kept: readonly number[]
  try {
    kept = [...keepSteps(T, spec)]
  } catch (thrown) {
    return error ? undefined : `${spec} of ${T}: ${thrown}`
  }
  if (error) return `${spec} of ${T} is accepted`
  return kept.join() === steps?.join() ? undefined : `${spec} of ${T} keeps other steps`
}
