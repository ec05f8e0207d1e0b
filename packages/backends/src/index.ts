export { type AvailableBackend, type Diagnosis, diagnose, type UnavailableBackend } from './doctor.ts'
export type { BackendDriver, BackendInfo } from './driver.ts'
export {
  BackendFaultError,
  BackendLostError,
  BackendUnavailableError,
  HeadWidthError,
  NoBackendError,
} from './errors.ts'
export {
  type ChoiceStorage,
  type FastestBackend,
  type FastestBackendOptions,
  fastestBackend,
} from './fastest-backend.ts'
export { registerGradients } from './gradients.ts'
export { type BackendReport, startBackend } from './start-backend.ts'
