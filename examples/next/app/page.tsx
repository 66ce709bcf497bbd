import { Chat } from "./chat";
import { News } from "./news";

export default function Page() {
  return (
    <main>
      <h1>stream-llm and Next.js</h1>
      <Chat />
      <News />
    </main>
  );
}
