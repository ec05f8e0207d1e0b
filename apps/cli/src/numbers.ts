import { InvalidArgumentError } from 'commander'

/** Parser of an option: a whole number from `least` on. */
export function whole(least = 0): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`Expected a whole number of ${least} or more`)
  }
}

/** Parser of an option: a number between two bounds. */
export function number(least = -Infinity, most = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value
    throw new InvalidArgumentError(
      most === Infinity
        ? `Expected a number of ${least} or more`
        : `Expected a number from ${least} to ${most}`,
    )
  }
}

/** Parser of an option: numbers with commas between them. */
export function list(item: (text: string) => number): (text: string) => number[] {
  return (text) => text.split(',').map((part) => item(part.trim()))
}
