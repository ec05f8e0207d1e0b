/** A fenced block of a Markdown file. */
export interface FencedBlock {
  readonly language: string
  readonly text: string
  /** Of its first line of text, counted from 1. */
  readonly line: number
  /** Why it is not run, from `<!-- not run: REASON -->` before it. */
  readonly notRun?: string
}

/** Every fenced block of a Markdown text, in order. */
export function fencedBlocks(markdown: string): FencedBlock[] {
  const blocks: FencedBlock[] = []
  let open: { indent: string; fence: string; language: string; line: number; lines: string[] } | undefined
  let notRun: string | undefined
  for (const [i, line] of markdown.split('\n').entries()) {
    const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})\s*(.*)$/.exec(line) ?? []
    if (open) {
      if (fence?.startsWith(open.fence) && info === '') {
        const { language, lines, line: start } = open
        blocks.push({ language, text: lines.join('\n'), line: start, ...(notRun ? { notRun } : {}) })
        open = notRun = undefined
      } else
        open.lines.push(line.slice(/^\s*/.exec(line)?.[0].startsWith(open.indent) ? open.indent.length : 0))
    } else if (fence) {
      open = { indent, fence, language: info.split(/\s/)[0] ?? '', line: i + 2, lines: [] }
    } else {
      const reason = /^\s*<!--\s*not run:\s*(.+?)\s*-->\s*$/.exec(line)?.[1]
      if (reason) notRun = reason
      else if (line.trim() !== '') notRun = undefined
    }
  }
  return blocks
}
