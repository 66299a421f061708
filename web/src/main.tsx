import "@mantine/core/styles.css";
import "./styles/base.css";
import "./styles/panels.css";
import "./styles/parts.css";
import "./styles/runs.css";
import "./styles/narrow.css";
import { createTheme, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { newQueryClient } from "./api/queries";
import { App } from "./App";

const theme = createTheme({
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  defaultRadius: "sm",
  components: {
    Button: { defaultProps: { size: "xs" } },
    NativeSelect: { defaultProps: { size: "sm" } },
    Modal: { defaultProps: { transitionProps: { duration: 0 } } },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={newQueryClient()}>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <App />
      </MantineProvider>
    </QueryClientProvider>
  </StrictMode>,
);
