/** Garbage collection on demand, for tests that count memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Collects garbage. The memory of arrays is freed by a thread beside, which the next collection waits for: hence two. */
export function collect(): void {
  gc()
  gc()
}
