import { expect, test } from 'vitest'
import { meansNoMemory } from './out-of-memory.ts'

test('what ONNX Runtime, WebAssembly and arrays say where memory ran out is told from what else goes wrong', () => {
  const memory = [
    "Can't create a session. failed to allocate a buffer of size 8123456.",
    "Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc",
    'Status Message: bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 2830172160',
    'Array buffer allocation failed',
    'WebAssembly.Memory(): could not allocate memory',
    'Out of memory: Cannot allocate Wasm memory for new instance',
    'memory access out of bounds',
    'Aborted(OOM). Build with -sASSERTIONS for more info.',
  ]
  expect(memory.filter((message) => !meansNoMemory(message))).toEqual([])
  const others = [
    'unreachable',
    'table index is out of bounds',
    'no available backend found. ERR: [wasm] TypeError: Failed to fetch dynamically imported module',
    "Can't create a session. ERROR_CODE: 9, ERROR_MESSAGE: Could not find an implementation for Conv(11)",
  ]
  expect(others.filter(meansNoMemory)).toEqual([])
})
