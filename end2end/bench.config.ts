// Figures, not promises: `npx playwright test --config bench.config.ts`.
import { defineConfig } from "@playwright/test";
import config from "./playwright.config.js";

export default defineConfig(config, { testMatch: "*.bench.ts", reporter: "line" });
