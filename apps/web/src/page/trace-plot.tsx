/** p(wanted class | x_t) over the steps: the guided picture and the one left alone. */
export function TracePlot({
  free,
  guided,
  total,
  at,
}: {
  free: readonly number[]
  guided: readonly number[]
  total: number
  /** Steps made at the moment that is looked at. */
  at: number
}) {
  const [width, height] = [400, 148]
  const x = (step: number) => (width * step) / Math.max(1, total - 1)
  const y = (p: number) => height - height * p
  const line = (values: readonly number[]) =>
    values.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(p).toFixed(1)}`).join('')
  const last = (values: readonly number[]) => Math.round(100 * (values.at(-1) ?? 0))
  const words =
    guided.length === 0
      ? 'Empty until a picture is sampled.'
      : `After ${guided.length} of ${total} steps ${last(guided)} percent guided, ${last(free)} percent alone.`
  return (
    <svg
      class="trace"
      viewBox={`-4 -6 ${width + 44} ${height + 12}`}
      role="img"
      aria-label={`Probability of the wanted class over the steps. ${words}`}
    >
      {[0, 0.5, 1].map((p) => (
        <line key={p} class="rule" x1={0} x2={width} y1={y(p)} y2={y(p)} />
      ))}
      {[0, 50, 100].map((percent) => (
        <text key={percent} x={width + 8} y={y(percent / 100) + 4}>
          {percent}%
        </text>
      ))}
      {at > 0 && <line class="now" x1={x(at - 1)} x2={x(at - 1)} y1={0} y2={height} />}
      <path class="free" d={line(free)} />
      <path class="guided" d={line(guided)} />
      {guided.length > 0 && (
        <circle class="guided" cx={x(guided.length - 1)} cy={y(guided.at(-1) ?? 0)} r={3.5} />
      )}
      {free.length > 0 && <circle class="free" cx={x(free.length - 1)} cy={y(free.at(-1) ?? 0)} r={3} />}
    </svg>
  )
}
