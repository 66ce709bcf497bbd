import { isValidElement, type ReactNode } from "react";

import { CopyButton } from "../CopyButton.tsx";

interface CodeProps {
  className?: string;
  children?: ReactNode;
}

/** A fenced block, with the language its fence names and a button that copies it. */
export function CodeBlock({ children }: { children?: ReactNode }) {
  const code = isValidElement<CodeProps>(children) ? children.props : {};
  const language = /language-(\S+)/.exec(code.className ?? "")?.[1];
  const text = typeof code.children === "string" ? code.children : "";
  return (
    <figure className="code">
      <figcaption>
        <span>{language ?? "text"}</span>
        <CopyButton text={text} label="Copy code" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines are scrolled with the keyboard */}
      <pre tabIndex={0}>{children}</pre>
    </figure>
  );
}
