import { render } from 'preact'
import { keepForOffline } from './offline.ts'
import { App } from './page/app.tsx'
import { openLink } from './page/opened-link.ts'

openLink()
render(<App />, document.getElementById('page') as HTMLElement)
keepForOffline()
