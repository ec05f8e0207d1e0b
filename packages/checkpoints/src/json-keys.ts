/**
 * What `JSON.parse` does not tell: names that occur twice in one object (it keeps the last and drops the others),
 * and nesting deeper than `maxDepth`. Works on any text; the text need not be valid JSON.
 */
export function repeatedKeys(text: string, maxDepth: number): { repeated: string[]; tooDeep: boolean } {
  const repeated: string[] = []
  const open: (Set<string> | undefined)[] = []
  // Strings, and the four marks that matter; everything else is skipped.
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gsu
  let last: string | undefined
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const token = match[0]
    if (token === '{' || token === '[') {
      if (open.length === maxDepth) return { repeated, tooDeep: true }
      open.push(token === '{' ? new Set() : undefined)
    } else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const keys = open.at(-1)
      if (keys && last !== undefined) {
        const key = unescaped(last)
        if (keys.has(key)) repeated.push(key)
        keys.add(key)
      }
    } else {
      last = token
      continue
    }
    last = undefined
  }
  return { repeated, tooDeep: false }
}

function unescaped(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return String(JSON.parse(literal))
  } catch {
    return literal
  }
}
