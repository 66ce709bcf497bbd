const suggestions = [
  "How do server-sent events work?",
  "Write a poem about rain",
  "Show me an Express server that streams",
  "Compare the ways to stream, as a table",
];

export function Welcome({ onAsk }: { onAsk(prompt: string): void }) {
  return (
    <section className="welcome" aria-labelledby="welcome-title">
      <h2 id="welcome-title">Ask something</h2>
      <p>
        The answer arrives token by token. Reload while it does, open the page in another tab, pull
        the plug: it goes on where it was.
      </p>
      <ul>
        {suggestions.map((prompt) => (
          <li key={prompt}>
            <button type="button" onClick={() => onAsk(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
