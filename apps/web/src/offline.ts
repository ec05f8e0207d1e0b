/** The service worker, which keeps the page for visits without a network: in builds only. */
export function keepForOffline(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  addEventListener('load', () => {
    navigator.serviceWorker.register('./service-worker.js').catch(() => {
      // the page works without: a browser that forbids it (private windows) is no fault
    })
  })
}

/** Tells the service worker which files were used, before or under it. */
export async function keepUsed(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  const { active } = await navigator.serviceWorker.ready
  const used = performance.getEntriesByType('resource').map(({ name }) => name)
  active?.postMessage({ keep: used })
}
