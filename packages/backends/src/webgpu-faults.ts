/** Errors of a WebGPU device that no call throws. */
import { BackendFaultError } from './errors.ts'

/**
 * Fulfilled at the first error that the device meets outside of error scopes: its work goes on with what there is, such as a
 * buffer that holds nothing.
 */
export function firstFault(device: EventTarget): Promise<BackendFaultError> {
  return new Promise((resolve) => {
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent
      resolve(
        new BackendFaultError({
          backend: 'webgpu',
          // what follows is the path through the implementation
          reason: error.message.split('\n')[0] as string,
          memory: error.constructor.name === 'GPUOutOfMemoryError',
        }),
      )
    })
  })
}
