/** What Vite puts into `import.meta`. */
interface ImportMeta {
  readonly env: { readonly PROD: boolean }
}
