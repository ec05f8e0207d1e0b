/**
 * Whether the words of an error mean that memory ran out: those of ONNX Runtime (`std::bad_alloc`, `Failed to allocate memory
 * for requested buffer of size …`, `Can't create a session. failed to allocate a buffer of size …`), of WebAssembly and of
 * JavaScript's arrays, for which each browser has its own.
 */
export function meansNoMemory(message: string): boolean {
  return /bad_alloc|bad allocation|failed to (re)?allocate|(cannot|can't|could not) allocate|allocation failed|out of (device )?memory|out_of_(device_)?memory|memory access out of bounds|\bOOM\b/i.test(
    message,
  )
}
