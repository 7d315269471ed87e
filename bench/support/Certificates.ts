/**
 * Where this process finds its certificates. The agents that the library starts inherit it, so that they work behind a
 * company's proxy: a raw loop is to be given the same.
 */
export const certificates: Readonly<Record<string, string>> = Object.fromEntries(
  ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
)
