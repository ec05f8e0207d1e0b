/** Installs a browser for tests where that takes one command; elsewhere it says what to do. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const present =
  process.env.CHROMIUM_PATH ?? names.map((name) => `/usr/bin/${name}`).find((path) => existsSync(path))
const run = (command, ...args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0

if (!present && process.platform === 'linux') {
  if (process.getuid() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('Installing Chromium for tests in a browser')
    process.env.DEBIAN_FRONTEND = 'noninteractive'
    const installed =
      run('apt-get', 'update', '--quiet') &&
      run('apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', 'chromium')
    if (!installed) console.warn('Chromium could not be installed: tests in a browser are skipped')
  } else {
    console.warn('No Chromium: tests in a browser are skipped. Debian: sudo apt-get install chromium')
  }
}
