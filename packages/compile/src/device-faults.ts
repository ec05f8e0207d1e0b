/** What happens to a device of WebGPU beside the calls, which throw nothing of it. */
import { RuntimeFaultError, RuntimeLostError, RuntimeMemoryError } from './errors.ts'

export type DeviceFault = RuntimeFaultError | RuntimeLostError | RuntimeMemoryError

export interface DeviceFaults {
  /** Fulfilled at the first fault of a device that is watched, or when it is taken away. */
  readonly faulty: Promise<DeviceFault>
  /** Watches a device from now on; once is enough. */
  watch(device: GPUDevice): void
}

export function deviceFaults(): DeviceFaults {
  let tell: (fault: DeviceFault) => void
  const faulty = new Promise<DeviceFault>((resolve) => {
    tell = resolve
  })
  const watched = new WeakSet<GPUDevice>()
  return {
    faulty,
    watch: (device) => {
      if (watched.has(device)) return
      watched.add(device)
      device.addEventListener('uncapturederror', (event) => {
        const { error } = event as GPUUncapturedErrorEvent
        const reason = sentence(error.message)
        const memory = error.constructor.name === 'GPUOutOfMemoryError'
        tell(memory ? new RuntimeMemoryError({ reason }) : new RuntimeFaultError({ reason }))
      })
      device.lost.then(({ reason, message }) => {
        // what the library gives back itself is no loss
        if (reason !== 'destroyed') tell(new RuntimeLostError({ reason: sentence(message) }))
      })
    },
  }
}

/** The first line, without its full stop: what follows is the path through the implementation. */
const sentence = (message: string) => message.split('\n')[0]?.trim().replace(/\.$/, '') || 'no reason given'
