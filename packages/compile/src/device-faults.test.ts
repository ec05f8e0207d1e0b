import { expect, test } from 'vitest'
import { deviceFaults } from './device-faults.ts'

class GPUOutOfMemoryError extends Error {}
class GPUValidationError extends Error {}

type Loss = Pick<GPUDeviceLostInfo, 'message' | 'reason'>

function device(lost: Promise<Loss> = new Promise(() => {})) {
  const target = Object.assign(new EventTarget(), { lost })
  const fail = (error: Error) => target.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }))
  return { target: target as unknown as GPUDevice, fail }
}

async function told(happens: (fail: (error: Error) => void) => void, lost?: Promise<Loss>) {
  const { faulty, watch } = deviceFaults()
  const { target, fail } = device(lost)
  watch(target)
  happens(fail)
  const { name, message } = await faulty
  return `${name}: ${message}`
}

test('what a device does not throw is told: no memory, a fault, its loss; the first of them', async () => {
  expect(
    await told((fail) => {
      fail(new GPUOutOfMemoryError('vkAllocateMemory failed.\n - While calling CreateBuffer'))
      fail(new GPUValidationError('The buffer is invalid.'))
    }),
  ).toMatchInlineSnapshot(`"RuntimeMemoryError: ONNX Runtime ran out of memory: vkAllocateMemory failed."`)
  expect(await told((fail) => fail(new GPUValidationError('The buffer is invalid.')))).toMatchInlineSnapshot(
    `"RuntimeFaultError: ONNX Runtime's device met a fault: The buffer is invalid."`,
  )
  // what the library destroys is not lost: what comes next is told
  const later = (fail: (error: Error) => void) =>
    void setTimeout(() => fail(new GPUValidationError('It is destroyed.')))
  expect(await told(later, Promise.resolve({ message: '', reason: 'destroyed' }))).toMatchInlineSnapshot(
    `"RuntimeFaultError: ONNX Runtime's device met a fault: It is destroyed."`,
  )
  expect(await told(() => {}, Promise.resolve({ message: '', reason: 'unknown' }))).toMatchInlineSnapshot(
    `"RuntimeLostError: ONNX Runtime lost its device: no reason given."`,
  )
})
