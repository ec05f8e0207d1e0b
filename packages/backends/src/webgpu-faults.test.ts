import { expect, test } from 'vitest'
import { firstFault } from './webgpu-faults.ts'

class GPUOutOfMemoryError extends Error {}
class GPUValidationError extends Error {}
const event = (error: Error) => Object.assign(new Event('uncapturederror'), { error })

test('the first error is told, by its first line, and whether it is one of memory', async () => {
  const [full, wrong] = [new EventTarget(), new EventTarget()]
  const faults = [firstFault(full), firstFault(wrong)]
  full.dispatchEvent(event(new GPUOutOfMemoryError('vkAllocateMemory failed\n - While calling CreateBuffer')))
  full.dispatchEvent(event(new GPUValidationError('The buffer is invalid.')))
  wrong.dispatchEvent(event(new GPUValidationError('The buffer is invalid.')))
  const [memory, other] = await Promise.all(faults)
  expect(`${memory?.name}: ${memory?.message} ${memory?.advice}`).toMatchInlineSnapshot(
    `"BackendFaultError: The webgpu backend ran out of memory: vkAllocateMemory failed. Compute less at a time, or take a smaller network."`,
  )
  expect(`${other?.name}: ${other?.message} ${other?.advice}`).toMatchInlineSnapshot(
    `"BackendFaultError: The webgpu backend met a fault: The buffer is invalid. What was computed since may be wrong: load the weights again, or take another backend."`,
  )
})
