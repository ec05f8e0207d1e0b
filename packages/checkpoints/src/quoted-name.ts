const longest = 80

/** A name from a file, quoted and of bounded length: what a file calls its parts must not fill a message. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > longest ? `${name.slice(0, longest)}…` : name)
}
