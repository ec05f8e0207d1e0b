import { render } from 'preact'
import { keepForOffline } from './offline.ts'
import { App } from './page/app.tsx'
import { openLink } from './page/opened-link.ts'

// in a task of its own: reading the scripts has filled this one
setTimeout(() => {
  openLink()
  render(<App />, document.getElementById('page') as HTMLElement)
})
// a link that is opened in a page which is open already, or gone back to
addEventListener('hashchange', openLink)
keepForOffline()
