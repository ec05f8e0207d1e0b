export type { BackendDriver, BackendInfo } from './driver.ts'
export { BackendUnavailableError, NoBackendError } from './errors.ts'
export { registerGradients } from './gradients.ts'
export { type BackendReport, startBackend } from './start-backend.ts'
