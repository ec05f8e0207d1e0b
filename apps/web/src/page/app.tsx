import { isGuided } from '../protocol.ts'
import { announcement } from '../runs.ts'
import { modelFacts } from '../settings.ts'
import { dropFiles } from './drop-files.ts'
import { Explanation } from './explanation.tsx'
import { Footer } from './footer.tsx'
import { Grid } from './grid.tsx'
import { Header } from './header.tsx'
import { Instrument } from './instrument.tsx'
import { IgnoredNotice } from './notices.tsx'
import { Paint } from './paint.tsx'
import { Weights } from './weights.tsx'

export function App() {
  return (
    <div class="page" {...dropFiles()}>
      <a class="skip" href="#figure-pair">
        Skip to the picture
      </a>
      <Header />
      <main>
        <div class="hero">
          <h1>Lean on the noise</h1>
          <p>
            A diffusion model turns noise into a picture step by step, and chooses its own subject. A
            classifier that can read noisy pictures may lean on every step: <em>this one, please</em>. That is
            guidance, and <i>γ</i> is how hard it leans.{' '}
            {isGuided(modelFacts.value)
              ? 'Both pictures below grow out of the same noise, in this page, on your device.'
              : 'The picture below grows out of noise in this page, on your device; nothing leans on it yet.'}
          </p>
        </div>
        <IgnoredNotice />
        <Instrument />
        <Explanation />
        <Grid />
        <Paint />
        <Weights />
      </main>
      <Footer />
      <p class="hidden" role="status">
        {announcement.value}
      </p>
    </div>
  )
}
