/**
 * Images that users pasted and tools gave back, as `data:` addresses, which is all that the content security policy lets the
 * page show.
 */
import type { BlobRef } from "../../domain/Blob.ts"

/** What browsers show as pixels alone. */
const formats = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

const largest = 10_000_000

export const isShown = ({ bytes, mediaType }: BlobRef): boolean => formats.has(mediaType) && bytes <= largest

/** The bytes as they are called, whatever type the server has answered with. */
export const addressOf = ({ mediaType }: BlobRef, bytes: ArrayBuffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener("load", () => resolve(String(reader.result)))
    reader.addEventListener("error", () => reject(new Error("The image cannot be read")))
    reader.readAsDataURL(new Blob([bytes], { type: mediaType }))
  })
