import { useEffect, useState } from "react";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  // Only in secure contexts: HTTPS, or localhost.
  if (!navigator.clipboard) return null;
  return (
    <button
      type="button"
      className="quiet-button"
      aria-label={label}
      onClick={() => navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      {isCopied ? "Copied" : "Copy"}
    </button>
  );
}
