export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** First bytes of a file; any byte stands where there is none. */
const SIGNATURES: Record<ImageFormat, readonly (number | undefined)[]> = {
  png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  jpeg: [0xff, 0xd8, 0xff],
  webp: [...bytesOf('RIFF'), undefined, undefined, undefined, undefined, ...bytesOf('WEBP')],
}

/**
 * What kind of image these bytes begin. The content decides, not the name: files are often named wrongly, and a
 * decoder of many formats should be given none but those that are wanted.
 */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const formats = Object.keys(SIGNATURES) as ImageFormat[]
  return formats.find((format) =>
    SIGNATURES[format].every((byte, i) => i < bytes.length && (byte ?? bytes[i]) === bytes[i]),
  )
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
