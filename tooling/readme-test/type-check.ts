import { rm, writeFile } from 'node:fs/promises'
import ts from 'typescript'

const options: ts.CompilerOptions = {
  strict: true,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  skipLibCheck: true,
  types: ['node'],
}

/** Checks modules as a user's compiler would, writes their JavaScript beside them; path → what is wrong. */
export async function compile(sources: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string[]>> {
  await Promise.all([...sources].map(([path, text]) => writeFile(path, text)))
  const compiler = ts.createProgram([...sources.keys()], options)
  compiler.emit()
  const faults = new Map([...sources.keys()].map((path) => [path, [] as string[]]))
  for (const { file, start = 0, messageText } of ts.getPreEmitDiagnostics(compiler)) {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ')
    const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
    const list = file ? faults.get(file.fileName) : undefined
    if (list) list.push(`line ${line}: ${text}`)
    else throw new Error(`${file?.fileName}: ${text}`)
  }
  await Promise.all([...sources.keys()].map((path) => rm(path)))
  return faults
}
