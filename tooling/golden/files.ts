/** The files of a folder of vectors, wherever it lies. */
export interface CaseFiles {
  /** Paths below the folder, with slashes, in order. */
  readonly names: readonly string[]
  read(name: string): Promise<Uint8Array>
  /** For packages that open files themselves. */
  place(name: string): string | URL
}

/** `a/b.pt` → `b.pt` */
export const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1)
