/**
 * What is timed to compare backends: a convolution y = w ∗ x and the gradient of Σ y², which sampling with guidance
 * does most. All of x is 1 and all of w alike, so that the right gradient is known: 2 (c w)² a(i) a(j), with c channels
 * and a(i) the sum, over pixel i and its neighbours, of how many pixels each of them and its own neighbours are.
 */
import * as tf from '@tensorflow/tfjs-core'
import { BackendUnavailableError } from './errors.ts'

const images = 2
const side = 28
const channels = 64
const weight = 0.01

/** Enough for float16; what is broken is farther off. */
const tolerance = 0.01

/**
 * Computes on the backend that is current, which `driver` started.
 *
 * @throws BackendUnavailableError where a number of the result is wrong.
 */
export async function timedConvolution(driver: string): Promise<void> {
  const shape: [number, number, number, number] = [images, side, side, channels]
  // no tape: what that keeps would outlive a kernel that fails
  const gradient = tf.tidy(() => {
    const filter = tf.fill<tf.Rank.R4>([3, 3, channels, channels], weight)
    const y = tf.conv2d(tf.ones<tf.Rank.R4>(shape), filter, 1, 'same')
    return tf.conv2dTranspose(tf.mul<tf.Tensor4D>(y, 2), filter, shape, 1, 'same')
  })
  try {
    check(driver, await gradient.data<'float32'>())
  } finally {
    gradient.dispose()
  }
}

function check(driver: string, gradient: Float32Array): void {
  for (let pixel = 0; pixel < images * side * side; pixel++) {
    const right = rightGradient(Math.floor(pixel / side) % side, pixel % side)
    for (let at = pixel * channels; at < (pixel + 1) * channels; at++) {
      const value = gradient[at] as number
      // not the other way round: NaN is wrong too
      if (Math.abs(value - right) <= tolerance * right) continue
      throw new BackendUnavailableError({
        backend: driver,
        reason: `it computes wrong numbers (${value} in place of ${right.toPrecision(3)})`,
        advice: 'Take another; if it is a graphics card, try again with a newer driver of it.',
      })
    }
  }
}

function rightGradient(row: number, column: number): number {
  return 2 * (channels * weight) ** 2 * alongOneAxis(row) * alongOneAxis(column)
}

const alongOneAxis = (place: number): number =>
  [place - 1, place, place + 1].reduce((sum, each) => sum + (isInside(each) ? near(each) : 0), 0)

/** How many of a pixel and its two neighbours along an axis lie inside. */
const near = (place: number): number => [place - 1, place, place + 1].filter(isInside).length

const isInside = (place: number): boolean => place >= 0 && place < side
