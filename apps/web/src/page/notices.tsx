import { ignoredParts } from './opened-link.ts'

/** Says which parts of the link were not understood. */
export function IgnoredNotice() {
  const parts = ignoredParts.value
  if (parts.length === 0) return null
  return (
    <p class="notice" role="status">
      This link asks for something that the page does not know, and the rest was taken without it:{' '}
      {parts.map((part) => (
        <code key={part}>{part}</code>
      ))}
    </p>
  )
}
