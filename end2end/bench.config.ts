// Figures, not promises: `npx playwright test --config bench.config.ts`.
import { defineConfig } from "@playwright/test";
import config from "./playwright.config.js";

export default defineConfig(config, {
  testMatch: "*.bench.ts",
  reporter: "line",
  // A trace draws the whole page again and again, in the very thread that is measured.
  use: { trace: "off" },
});
