/**
 * What the maintenance of a store did to its file.
 *
 * @since 0.1.0
 */

/**
 * Of `SessionStore.maintain`: the size of the file, in bytes. Nothing is known of a database that is not SQLite.
 *
 * @category models
 * @since 0.1.0
 */
export interface Maintained {
  readonly bytesBefore: number | undefined
  readonly bytesAfter: number | undefined
}
