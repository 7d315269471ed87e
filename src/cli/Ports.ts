/** The port of `eca serve` and `eca mock`, where none is given. */
export const defaultPort = 4747
