import { gamma } from '../settings.ts'
import { paperAddress } from './addresses.ts'
import { StepFigure } from './step-figure.tsx'

/** Guidance in a few sentences, and a figure that follows the slider. */
export function Explanation() {
  return (
    <section class="figure text-and-figure explanation" aria-labelledby="explanation-title">
      <div class="text">
        <h2 id="explanation-title">What leans on a step</h2>
        <p>
          Each step looks at a noisy picture <i>xₜ</i> and proposes a slightly cleaner one: somewhere around a
          mean <i>μ</i>, give or take a variance <i>Σ</i>. Nothing in it says what the picture should become.
        </p>
        <p>
          A classifier that was trained on noisy pictures knows <i>p(y | xₜ)</i>, how likely it is that this
          noise hides a thing of class <i>y</i>. Its gradient says of every pixel which way to change for that
          to become likelier. Guidance adds this arrow to the step:
        </p>
        <p class="formula">
          x<sub>t−1</sub> ~ N( <span class="mean">μ</span> +{' '}
          <span class="pull">
            γ Σ ∇ log p(y | x<sub>t</sub>)
          </span>
          , Σ )
        </p>
        <p>
          With <i>γ</i> = 0 the model is left alone. With 1 it samples from <i>p(x | y)</i>, as model and
          classifier see it. More sharpens that to <i>p(y | x)</i>
          <sup>γ</sup>: surer of the class, and less varied. Here the built-in denoiser is never told the
          class; the arrow is all that it learns of your choice. <a href={paperAddress}>The paper</a> has the
          derivation.
        </p>
      </div>
      <figure class="step-figure">
        <StepFigure gamma={gamma.value} />
        <figcaption>
          The space of pictures, drawn flat. The arrow follows the slider: <i>γ</i> = {gamma.value.toFixed(1)}
          .
        </figcaption>
      </figure>
    </section>
  )
}
