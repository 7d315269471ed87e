import { defineConfig } from "vitest/config"

/** What takes too long for every change: `npm run test:long`. */
export default defineConfig({ test: { include: ["test/long/**/*.test.ts"] } })
