export {
  browserForTests,
  launchBrowser,
  launchWithProfile,
  openPage,
  patience,
  type WatchedPage,
} from './chromium.ts'
export { isolation, type Served, serveFolder, serveSource } from './serve.ts'
