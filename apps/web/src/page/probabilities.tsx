import type { ModelFacts } from '../protocol.ts'
import { className } from '../settings.ts'

/** The most bars that are shown. */
const most = 10

/** What the classifier takes both pictures to be: a bar for the guided one, a mark for the one left alone. */
export function Probabilities({
  model,
  wanted,
  free,
  guided,
}: {
  model: ModelFacts
  /** The class that is wanted. */
  wanted: number
  free: Float32Array | undefined
  guided: Float32Array | undefined
}) {
  const { classes } = model
  const shown = classes <= most ? Array.from({ length: classes }, (_, i) => i) : likeliest(guided, wanted)
  return (
    <ul class="bars" aria-label="What the classifier takes the pictures to be">
      {shown.map((which) => {
        const [p, q] = [guided?.[which] ?? 0, free?.[which] ?? 0]
        return (
          <li key={which} class={which === wanted ? 'wanted' : ''}>
            <span class="name">{className(model, which)}</span>
            <span class="bar" aria-hidden="true">
              <span class="fill" style={{ transform: `scaleX(${p})` }} />
              {free && <span class="mark" style={{ left: `${100 * q}%` }} />}
            </span>
            <span class="percent">
              {guided ? `${Math.round(100 * p)}%` : '–'}
              <span class="hidden"> guided, {Math.round(100 * q)}% alone</span>
            </span>
          </li>
        )
      })}
    </ul>
  )
}

function likeliest(probabilities: Float32Array | undefined, wanted: number): number[] {
  const order = Array.from(probabilities ?? [], (p, i) => [p, i] as const).sort((a, b) => b[0] - a[0])
  const others = order.map(([, i]) => i).filter((i) => i !== wanted)
  return [wanted, ...others].slice(0, most)
}
