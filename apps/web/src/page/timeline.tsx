import { moment } from './instrument-moment.ts'

/** Goes back and forth in what was sampled. */
export function Timeline({
  made,
  total,
  timestep,
  at,
}: {
  made: number
  total: number
  timestep: number | undefined
  at: number
}) {
  return (
    <div class="timeline">
      <label for="moment">
        {at === 0 ? 'Noise' : at === total ? 'Picture' : `Step ${at}`}
        <span class="t">{timestep === undefined ? 't = T' : `t = ${timestep}`}</span>
      </label>
      <input
        id="moment"
        type="range"
        min={0}
        max={total}
        value={at}
        disabled={made === 0}
        aria-valuetext={at === 0 ? 'noise' : `step ${at} of ${total}`}
        style={{ '--share': at / total, '--made': made / total }}
        onInput={({ currentTarget }) => {
          const wanted = Number(currentTarget.value)
          moment.value = wanted >= made ? 'live' : wanted
          if (wanted > made) currentTarget.value = String(made)
        }}
      />
    </div>
  )
}
