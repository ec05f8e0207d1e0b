import { limits } from '../link.ts'
import { changeGamma } from '../runs.ts'
import { gamma } from '../settings.ts'

/** γ: may be moved while a picture forms. */
export function GammaSlider({ id }: { id: string }) {
  const value = gamma.value
  return (
    <div class="gamma">
      <label for={id}>
        How hard, <i>γ</i>
      </label>
      <output for={id}>{value.toFixed(1)}</output>
      <input
        id={id}
        type="range"
        min={0}
        max={limits.gamma}
        step={0.1}
        value={value}
        style={{ '--share': value / limits.gamma }}
        onInput={({ currentTarget }) => {
          gamma.value = Number(currentTarget.value)
          changeGamma(gamma.value)
        }}
      />
      <div class="ticks" aria-hidden="true">
        <span>alone</span>
        <span>10</span>
      </div>
    </div>
  )
}
