import { signal } from '@preact/signals'
import { paperAddress, repositoryAddress } from './addresses.ts'

type Theme = 'light' | 'dark'

const systemTheme = matchMedia('(prefers-color-scheme: dark)')
const theme = signal<Theme>(
  (document.documentElement.dataset.theme as Theme | undefined) ?? (systemTheme.matches ? 'dark' : 'light'),
)
systemTheme.addEventListener('change', ({ matches }) => {
  if (!document.documentElement.dataset.theme) theme.value = matches ? 'dark' : 'light'
})

function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark'
  document.documentElement.dataset.theme = theme.value
  try {
    localStorage.setItem('theme', theme.value)
  } catch {
    // a browser that keeps nothing keeps the theme for this visit
  }
}

export function Header() {
  const other = theme.value === 'dark' ? 'light' : 'dark'
  return (
    <header class="header">
      <a class="wordmark" href="./">
        guided diffusion
      </a>
      <nav aria-label="Elsewhere">
        <a href={paperAddress}>Paper</a>
        <a href={repositoryAddress}>Packages</a>
      </nav>
      <button type="button" class="icon" onClick={toggleTheme} aria-label={`Use the ${other} theme`}>
        <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
          <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
          <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
        </svg>
      </button>
    </header>
  )
}
