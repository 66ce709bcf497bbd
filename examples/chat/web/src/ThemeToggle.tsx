import { useState } from "react";

const prefersDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** As the system has it, until the reader chooses. */
export function ThemeToggle() {
  const root = document.documentElement;
  const [isDark, setDark] = useState(() =>
    root.dataset.theme ? root.dataset.theme === "dark" : prefersDark(),
  );
  const toggle = () => {
    const theme = isDark ? "light" : "dark";
    root.dataset.theme = theme;
    localStorage.setItem("theme", theme);
    setDark(!isDark);
  };
  return (
    <button
      type="button"
      className="icon-button"
      role="switch"
      aria-checked={isDark}
      aria-label="Dark theme"
      title={isDark ? "Light theme" : "Dark theme"}
      onClick={toggle}
    >
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        {isDark ? (
          <path d="M10 3v1.5M10 15.5V17M3 10h1.5M15.5 10H17M5 5l1.1 1.1M13.9 13.9 15 15M15 5l-1.1 1.1M6.1 13.9 5 15M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0Z" />
        ) : (
          <path d="M16 11.8A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.8Z" />
        )}
      </svg>
    </button>
  );
}
