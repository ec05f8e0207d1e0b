/** Places of the drawing. */
const noisy = { x: 84, y: 262 }
const mean = { x: 206, y: 214 }
const wanted = { x: 392, y: 96 }
/** Length of the pull at γ = 10, and the deviation. */
const reach = 178
const deviation = 42

/** Where dots of N(0, I) lie: drawn once, so that they move with the mean and not by themselves. */
const dots = [
  [0.2, -0.9],
  [-0.7, 0.3],
  [0.9, 0.5],
  [-0.2, 0.1],
  [0.5, -0.2],
  [-1.1, -0.6],
  [0.1, 1.2],
  [-0.4, -0.3],
  [1.3, -0.4],
  [0.4, 0.7],
  [-0.9, 1.0],
  [-0.1, -1.5],
] as const

/** A step in the space of pictures: from x_t to μ, the pull beside it, and where x_{t−1} falls with both. */
export function StepFigure({ gamma }: { gamma: number }) {
  const [dx, dy] = [wanted.x - mean.x, wanted.y - mean.y]
  const far = Math.hypot(dx, dy)
  const length = (reach * gamma) / 10
  const pulled = { x: mean.x + (dx / far) * length, y: mean.y + (dy / far) * length }
  return (
    <svg
      viewBox="0 -24 520 354"
      role="img"
      aria-label={`A step goes from x_t to the mean μ; guidance moves it ${gamma.toFixed(1)} times the gradient further, to where the class is likelier.`}
    >
      <defs>
        <marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 0.6L7 4L0 7.4z" fill="context-stroke" />
        </marker>
      </defs>
      {[112, 84, 58, 32].map((radius) => (
        <ellipse
          key={radius}
          class="contour"
          cx={wanted.x}
          cy={wanted.y}
          rx={radius * 1.15}
          ry={radius * 0.82}
          transform={`rotate(-24 ${wanted.x} ${wanted.y})`}
        />
      ))}
      <text class="contour-name" x={wanted.x} y={wanted.y - 96} text-anchor="middle">
        where p(y | x) is high
      </text>
      <circle class="alone" cx={mean.x} cy={mean.y} r={deviation} />
      <circle class="reached" cx={pulled.x} cy={pulled.y} r={deviation} />
      {dots.map(([x, y]) => (
        <circle
          key={`${x} ${y}`}
          class="dot"
          cx={pulled.x + (x * deviation) / 1.7}
          cy={pulled.y + (y * deviation) / 1.7}
          r={2.4}
        />
      ))}
      <line class="step" x1={noisy.x} y1={noisy.y} x2={mean.x - 7} y2={mean.y + 3} marker-end="url(#tip)" />
      {length > 12 && (
        <line class="pull" x1={mean.x} y1={mean.y} x2={pulled.x} y2={pulled.y} marker-end="url(#tip)" />
      )}
      <circle class="point" cx={noisy.x} cy={noisy.y} r={4.5} />
      <circle class="point" cx={mean.x} cy={mean.y} r={4.5} />
      <text x={noisy.x - 8} y={noisy.y + 26}>
        xₜ
      </text>
      <text x={mean.x - 6} y={mean.y + 26}>
        μ
      </text>
      <text class="pull-name" x={pulled.x + deviation + 8} y={pulled.y + deviation - 6}>
        {gamma > 0 ? 'γ Σ ∇ log p(y | xₜ)' : ''}
      </text>
      <text class="small" x={pulled.x - deviation - 8} y={pulled.y - deviation + 8} text-anchor="end">
        xₜ₋₁ falls here
      </text>
    </svg>
  )
}
