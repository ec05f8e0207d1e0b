/** The service worker, which keeps the page for visits without a network: in builds only. */
export function keepForOffline(): void {
  if (!import.meta.env.PROD) return
  addEventListener('load', () => {
    container()
      ?.register('./service-worker.js')
      .catch(() => {
        // the page works without: a browser that forbids it (private windows) is no fault
      })
  })
}

/**
 * Tells the service worker which files the engine needed. Before the first visit's service worker is there, and without
 * it, the sampler fetched them itself; one of a newer build that waits has to keep them too.
 */
export async function keepUsed(used: readonly string[]): Promise<void> {
  if (!import.meta.env.PROD) return
  const { active, waiting } = (await container()?.ready.catch(() => undefined)) ?? {}
  for (const worker of [active, waiting]) worker?.postMessage({ used })
}

/** Undefined where the browser has none for this page: frames that are denied it say so by an error. */
function container(): ServiceWorkerContainer | undefined {
  try {
    return navigator.serviceWorker
  } catch {
    return undefined
  }
}
