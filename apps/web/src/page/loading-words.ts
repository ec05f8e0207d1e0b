import type { Loading } from '../protocol.ts'

/** How far the making ready is, as a sentence. */
export function loadingWords({ stage, loaded, total }: Loading): string {
  const bytes = total > 0 ? ` ${megabytes(loaded)} of ${megabytes(total)} MB` : ''
  switch (stage) {
    case 'engine':
      return 'Starting the engine.'
    case 'denoiser':
      return `Loading the denoiser${bytes}.`
    case 'classifier':
      return `Loading the classifier${bytes}.`
    case 'weights':
      return `Reading the weights${bytes}.`
    case 'first step':
      return 'Preparing the first step.'
  }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)

/** What is being made ready, without how far it is. */
export const stageWords = (loading: Loading): string => loadingWords({ ...loading, total: 0 })
