"use client";

import { type FormEvent, useState } from "react";
import { useChannel } from "stream-llm/react";
import type { NewsEvents } from "../lib/news-events";

type Headline = NewsEvents["headline"];

const shown = 10;

/** A typed channel: what the route broadcasts arrives here under the same names, with the same shapes. */
export function News() {
  const [headlines, setHeadlines] = useState<Headline[]>([]);
  const [readers, setReaders] = useState<number>();
  const { state } = useChannel<NewsEvents>("/api/news", {
    on: {
      headline: (headline) => setHeadlines((before) => [headline, ...before].slice(0, shown)),
      readers: ({ count }) => setReaders(count),
    },
  });

  async function publish(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = new FormData(form).get("headline");
    form.reset();
    await fetch("/api/headlines", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
  }

  return (
    <section aria-labelledby="news">
      <h2 id="news">News</h2>
      <p role="status">{state === "open" ? `${readers ?? "…"} read this` : "Connecting…"}</p>
      <form onSubmit={publish}>
        <input name="headline" required maxLength={200} aria-label="Headline" />
        <button type="submit">Publish</button>
      </form>
      <ul aria-live="polite">
        {headlines.map(({ text, at }) => (
          <li key={at}>{text}</li>
        ))}
      </ul>
    </section>
  );
}
