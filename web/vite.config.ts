import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The result is embedded in the Go binary by internal/web. `npm run dev` asks a running `paraplu up` for the data.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../internal/web/dist",
    emptyOutDir: true,
    sourcemap: false,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": process.env["PARAPLU_URL"] ?? "http://127.0.0.1:5000" } },
  test: { include: ["src/**/*.test.ts"] },
});
