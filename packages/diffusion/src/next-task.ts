/** Lets timers, signals and messages in between two steps: promises alone would keep them waiting. */
export function nextTask(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (task: () => void) => void }).setImmediate
  return new Promise((resolve) => {
    if (immediate) immediate(resolve)
    else setTimeout(resolve)
  })
}
