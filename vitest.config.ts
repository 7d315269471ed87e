import { defineConfig } from "vitest/config"
import { LongestFirst } from "./test/support/LongestFirst.ts"
import * as Scratch from "./test/support/Scratch.ts"

Scratch.install()

export default defineConfig({
  test: {
    // `promises` reads the JSON to print which promise was kept on which agent.
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/results.json" },
    // A file with a real agent runs one, of about 500 MB. Four at a time take as long as two on two cores, and time out.
    // Machines that only test may take their time.
    maxWorkers: process.env["CI"] === undefined ? 2 : 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // Nothing is timed here; a limit only ends what hangs. The files of a worker share its process and the modules that
        // it has loaded, because to load them anew costs more than most files' tests.
        test: {
          name: "library",
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: ["test/opencode/*.test.ts", "test/agents/*/**", "test/*/browser/**", "test/long/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        // These run Chromium.
        test: { name: "page", include: ["test/*/browser/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 }
      },
      {
        // The service's own tests once more, on a client of it. Those that move a clock which the server is to see are left out.
        test: {
          name: "remote",
          include: [
            "Adoption",
            "Ask",
            "ConfigureThread",
            "Continuity",
            "CreateThread",
            "Denials",
            "Instances",
            "Redelivery",
            "Requests",
            "Rewind",
            "Sessions",
            "ThreadInfos"
          ].map((name) => `test/service/${name}.test.ts`),
          env: { SERVICES: "remote" },
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000
        }
      },
      {
        test: { name: "opencode", include: ["test/opencode/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000 }
      }
    ]
  }
})
