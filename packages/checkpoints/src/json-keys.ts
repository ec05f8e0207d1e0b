const quote = 0x22
const backslash = 0x5c

/**
 * What `JSON.parse` does not tell: names that occur twice in one object (it keeps the last and drops the others),
 * and nesting deeper than `maxDepth`. Works on any text, in time proportional to its length; the text need not be
 * valid JSON.
 */
export function repeatedKeys(text: string, maxDepth: number): { repeated: string[]; tooDeep: boolean } {
  const repeated: string[] = []
  const open: (Set<string> | undefined)[] = []
  let last: string | undefined
  for (let at = 0; at < text.length; at++) {
    const mark = text[at]
    if (mark === '"') {
      const end = stringEnd(text, at)
      last = text.slice(at, end)
      at = end - 1
    } else if (mark === '{' || mark === '[') {
      if (open.length === maxDepth) return { repeated, tooDeep: true }
      open.push(mark === '{' ? new Set() : undefined)
      last = undefined
    } else if (mark === '}' || mark === ']') {
      open.pop()
      last = undefined
    } else if (mark === ':') {
      const keys = open.at(-1)
      if (keys && last !== undefined) {
        const key = unescaped(last)
        if (keys.has(key)) repeated.push(key)
        keys.add(key)
      }
      last = undefined
    }
  }
  return { repeated, tooDeep: false }
}

/** The place after the string that begins at `start`, or the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) return at + 1
    if (code === backslash) at++
  }
  return text.length
}

function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return String(JSON.parse(literal))
  } catch {
    return literal
  }
}
