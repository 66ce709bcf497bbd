/** What the news channel sends: the server's `broadcast` and the page's `useChannel` are both checked by it. */
export interface NewsEvents {
  headline: { text: string; at: number };
  readers: { count: number };
}
