import { type LoadOptions, loadEncoderUNet } from '@guided-diffusion/models'
import { type Classifier, type ClassifierConfig, classifierOf, encoderConfig } from './classifier.ts'

/**
 * Loads a classifier from a path, URL, Blob or bytes. Yours to dispose.
 *
 * @param options.config needed where the file says nothing of its network and is not a published one.
 * @throws UnknownArchitectureError, WeightsMismatchError of `@guided-diffusion/models`, and the errors of
 *   `@guided-diffusion/checkpoints`.
 * @example
 * const classifier = await loadClassifier('64x64_classifier.pt')
 */
export async function loadClassifier(
  source: Parameters<typeof loadEncoderUNet>[0],
  options: LoadOptions<ClassifierConfig> = {},
): Promise<Classifier> {
  const { config, ...opening } = options
  return classifierOf(
    await loadEncoderUNet(source, { ...opening, ...(config ? { config: encoderConfig(config) } : {}) }),
  )
}
